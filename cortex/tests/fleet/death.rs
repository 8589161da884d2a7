//! Each stage dies once in mid-dwell, and a subscriber goes on at the other alerter. What is told is what one undisturbed
//! life tells.
//!
//!     enters ── kill -9 detector, ingest, cloaker, an alerter ── all but the alerter come back ── has stayed too long

use std::collections::BTreeMap;

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1::{self, live_service_client::LiveServiceClient};

use crate::support::{
    self, Cortex, LIMIT,
    dwell::{AGAIN, ALLOWED_S, config, events, follow, kinds, told},
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
    // What led to it is there as well, although the cloaker died between.
    let frame = both.last().unwrap().latest.as_ref().unwrap().frame.clone().unwrap();
    let mut live = LiveServiceClient::new(other.connect().await);
    let whole = tokio::time::timeout(LIMIT, async {
        loop {
            match support::recorded(&mut live, &frame).await {
                Some((clip, pictures)) if !clip.recording => break (clip, pictures),
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    });
    let (clip, pictures) = whole.await.expect("the clip is recorded to its end");
    let (before, after): (Vec<_>, Vec<_>) =
        pictures.iter().partition(|picture| picture.time_us < clip.time_us);
    assert!(before.len() > 1 && after.len() > 1, "{} before, {} after", before.len(), after.len());
    assert!(
        [ingest, detector, cloaker, other].into_iter().all(Cortex::terminate),
        "each drains and ends well"
    );
}
