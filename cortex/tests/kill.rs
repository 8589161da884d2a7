//! A power cut in mid-dwell: a subscriber comes back with its cursor, and no alert is lost and none doubled.
//!
//!     up ── alerts ── kill -9 ── up ── resume ── alerts
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::v1;
use support::Cortex;

#[tokio::test(flavor = "multi_thread")]
async fn no_alert_is_lost_and_none_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let camera = support::camera();
    let config = support::config(folder.path(), &camera.url());
    let data = folder.path().join("data");

    let first = Cortex::up(&config, &data);
    let before = first.alerts(Some(v1::Cursor::default()), 4).await;
    first.kill();

    let second = Cortex::up(&config, &data);
    // One client goes on from what it saw, one begins at the beginning: both must be told the same.
    let resumed = second.alerts(Some(support::cursor(&before[..2])), 5).await;
    let told = |alerts: &[v1::Alert]| -> BTreeMap<(u32, u64), (String, u32)> {
        alerts
            .iter()
            .map(|alert| ((alert.partition, alert.sequence), (alert.id.clone(), alert.revision)))
            .collect()
    };
    let all = second.alerts(Some(v1::Cursor::default()), resumed.len() + 2).await;
    assert_eq!(told(&before[2..4]), told(&resumed[..2]), "what was missed comes first, as it was");
    assert!(
        told(&before).iter().all(|(place, alert)| told(&all).get(place).is_none_or(|other| other == alert))
    );

    // Sequences have no gap, and no revision comes twice.
    let mut sequences: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut revisions = BTreeSet::new();
    for alert in &all {
        sequences.entry(alert.partition).or_default().push(alert.sequence);
        assert!(
            revisions.insert((alert.id.clone(), alert.revision)),
            "{} r{} came twice",
            alert.id,
            alert.revision
        );
    }
    for (partition, sequences) in sequences {
        let dense: Vec<u64> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, dense, "partition {partition}");
    }
    assert!(second.terminate());
}
