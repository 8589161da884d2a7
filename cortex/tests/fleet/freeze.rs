//! A detector freezes for longer than its session, and wakes up when another has gone on; then an alerter takes an act of a
//! site that is the other's.
//!
//!     enters ── the detector freezes ── another goes on ── has stayed too long ── the first wakes up ── acknowledged

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1::{self, alert_service_client::AlertServiceClient};

use crate::support::{
    self, Cortex,
    dwell::{ALLOWED_S, config, events, follow, kinds},
    fleet::Fleet,
};

#[tokio::test(flavor = "multi_thread")]
async fn who_wakes_up_late_says_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let fleet = Fleet::new(config(folder.path(), &camera), folder.path());
    // The site's partition is one of the second's, so the first answers for what it does not own.
    let (alerter, owner) = (fleet.start("alerter", "alerter-1"), fleet.start("alerter", "alerter-2"));
    // The first camera's partition is the first, and the first members of a group get the first partitions.
    let first = fleet.start("detector", "detector-1");
    // `cortex detector` is the same stage.
    let second = fleet.begin(fleet.command("detector-2").arg("detector"), "detector-2");
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
