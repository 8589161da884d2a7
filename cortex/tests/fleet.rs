//! A fleet: every stage a process of its own on a real Kafka and a real CQL server, and two alerters. Each stage dies
//! once in mid-dwell, and a subscriber goes on at the other alerter. What is told is what one undisturbed life tells.
//!
//!     enters ── kill -9 detector, ingest, cloaker, an alerter ── all but the alerter come back ── has stayed too long
//!     enters ── the detector freezes ── another goes on ── has stayed too long ── the first wakes up ── acknowledged
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::collections::BTreeMap;

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1::{self, alert_service_client::AlertServiceClient};
use support::{
    Cortex,
    dwell::{ALLOWED_S, config, events, follow, kinds, told},
    fleet::Fleet,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_may_die() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let fleet = Fleet::new(config(folder.path(), &camera), folder.path());
    let (one, other) = (fleet.start("alerter", "alerter-1"), fleet.start("alerter", "alerter-2"));
    let (detector, cloaker) = (fleet.start("detector", "detector"), fleet.start("cloaker", "cloaker"));
    let ingest = fleet.start("ingest", "ingest");

    let before = follow(&one, v1::Cursor::default(), |alerts, newest_us| {
        alerts.iter().any(|entry| newest_us > entry.first_us + ALLOWED_S * 250_000)
    });
    let before = before.await;
    assert_eq!(kinds(&events(&before)), ["entry"], "killed while the timer runs");
    detector.kill();
    ingest.kill();
    cloaker.kill();
    one.kill();
    let (detector, cloaker) = (fleet.start("detector", "detector"), fleet.start("cloaker", "cloaker"));
    let ingest = fleet.start("ingest", "ingest");

    let resumed = follow(&other, support::cursor(&before), told).await;
    let anew = other.alerts(Some(v1::Cursor::default()), before.len() + resumed.len()).await;
    let both = [before, resumed].concat();
    let happened = events(&both);
    assert_eq!(kinds(&happened), ["entry", "dwell"], "each once, as if nobody had died: {happened:?}");
    let ((_, entered_us, killed_after_us), (_, since_us, fired_us)) = (&happened[0], &happened[1]);
    assert!(since_us <= killed_after_us, "the dwell began before the kill: {happened:?}");
    assert!(fired_us - entered_us >= ALLOWED_S * 1_000_000, "{happened:?}");
    let said = |alerts: &[v1::Alert]| -> BTreeMap<_, _> {
        let place = |alert: &v1::Alert| (alert.partition, alert.sequence);
        alerts.iter().map(|alert| (place(alert), (alert.id.clone(), alert.revision))).collect()
    };
    assert_eq!(
        said(&anew),
        said(&both),
        "who was there all along and who resumed elsewhere are told the same"
    );
    assert!(
        [ingest, detector, cloaker, other].into_iter().all(Cortex::terminate),
        "each drains and ends well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wakes_up_late_says_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let fleet = Fleet::new(config(folder.path(), &camera), folder.path());
    // The site's partition is one of the second's, so the first answers for what it does not own.
    let (alerter, owner) = (fleet.start("alerter", "alerter-1"), fleet.start("alerter", "alerter-2"));
    // The first camera's partition is the first, and the first members of a group get the first partitions.
    let (first, second) = (fleet.start("detector", "detector-1"), fleet.start("detector", "detector-2"));
    let others = ["cloaker", "ingest"].map(|stage| fleet.start(stage, stage));
    let before = follow(&alerter, v1::Cursor::default(), |alerts, newest_us| {
        alerts.iter().any(|entry| newest_us > entry.first_us + ALLOWED_S * 200_000)
    });
    let before = before.await;
    first.signal("STOP");
    let taken_over = follow(&alerter, support::cursor(&before), |alerts, _| {
        kinds(&events(alerts)).contains(&"dwell".to_owned())
    });
    let mut all = [before, taken_over.await].concat();
    first.signal("CONT");
    // Some of the camera's time passes in which the one that woke up could say what it had in mind.
    let (cursor, last_us) = (support::cursor(&all), all.last().unwrap().last_us);
    all.extend(follow(&alerter, cursor, |_, newest_us| newest_us > last_us + 8_000_000).await);
    assert_eq!(kinds(&events(&all)), ["entry", "dwell"], "{:?}", events(&all));

    let request = v1::AcknowledgeRequest {
        alert: all[0].id.clone(),
        site: all[0].site.clone(),
        comment: "on our way".to_owned(),
        false_alarm: false,
    };
    let mut client = AlertServiceClient::new(alerter.connect().await);
    let answer = client.acknowledge(request).await.unwrap().into_inner().alert.unwrap();
    assert_eq!((answer.change.as_str(), answer.comment.as_str()), ("acknowledged", "on our way"));
    let (sequence, last) = (answer.sequence, all.last().unwrap().sequence);
    assert_eq!(sequence, last + 1, "the owner wrote it, as the site's next");
    assert!([first, second, alerter, owner].into_iter().chain(others).all(Cortex::terminate));
}
