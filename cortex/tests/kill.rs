//! A power cut in mid-dwell: somebody stands in a zone, and the process dies before the dwell rule fires. What is told
//! over both lives is what one undisturbed life tells: one entry, one dwell that counts from the entry, each once.
//!
//!     up ── enters ── kill -9 ── up ── resume ── has stayed too long
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::collections::{BTreeMap, BTreeSet};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1;
use support::{
    Cortex,
    dwell::{ALLOWED_S, config, events, follow, kinds, told},
};

#[tokio::test(flavor = "multi_thread")]
async fn no_alert_is_lost_and_none_doubled() {
    let folder = tempfile::tempdir().unwrap();
    // The person is the same, and at the same place, in both lives: every event has one subject, and its time alone
    // tells whether it is the same event.
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let config = config(folder.path(), &camera);

    let undisturbed = Cortex::up(&config, &folder.path().join("undisturbed"));
    let reference = events(&follow(&undisturbed, v1::Cursor::default(), told).await);
    assert!(undisturbed.terminate());
    assert_eq!(kinds(&reference), ["entry", "dwell"]);

    let data = folder.path().join("data");
    let first = Cortex::up(&config, &data);
    let before = follow(&first, v1::Cursor::default(), |alerts, newest_us| {
        alerts.iter().any(|entry| newest_us > entry.first_us + ALLOWED_S * 500_000)
    });
    let before = before.await;
    first.kill();
    assert_eq!(kinds(&events(&before)), ["entry"], "killed while the timer runs");

    // One client goes on from what it saw, one begins at the beginning.
    let second = Cortex::up(&config, &data);
    let resumed = follow(&second, support::cursor(&before), told).await;
    let anew = second.alerts(Some(v1::Cursor::default()), before.len() + resumed.len()).await;
    assert!(second.terminate());

    let both = [before, resumed].concat();
    let happened = events(&both);
    assert_eq!(kinds(&happened), kinds(&reference), "each once, as without a power cut: {happened:?}");
    let ((_, entered_us, killed_after_us), (_, since_us, fired_us)) = (&happened[0], &happened[1]);
    assert!(since_us <= killed_after_us, "the dwell began in the first life: {happened:?}");
    assert!(fired_us - entered_us >= ALLOWED_S * 1_000_000, "{happened:?}");

    let place = |alert: &v1::Alert| (alert.partition, alert.sequence);
    let said = |alerts: &[v1::Alert]| -> BTreeMap<_, _> {
        alerts.iter().map(|alert| (place(alert), (alert.id.clone(), alert.revision))).collect()
    };
    assert_eq!(said(&anew), said(&both), "both clients are told the same");
    let revisions: BTreeSet<_> = said(&anew).into_values().collect();
    assert_eq!(revisions.len(), anew.len(), "no revision comes twice");
    let mut sequences = BTreeMap::<u32, Vec<u64>>::new();
    said(&anew).into_keys().for_each(|(partition, n)| sequences.entry(partition).or_default().push(n));
    assert!(sequences.values().all(|all| all.iter().copied().eq(1..=all.len() as u64)), "{sequences:?}");
}
