//! What belongs together is one alert, what came twice counts once, and what is worse always gets through.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use cortex_alerter::{Alerter, Config, Input};
use cortex_proto::v1;
use cortex_runtime::{
    Snapshot, Stage, StreamTime, Tables,
    store::{Retention, Sqlite, Store},
    testkit::Harness,
};

const SECOND: i64 = 1_000_000;

/// An alerter on a clock that the story sets.
struct Story {
    harness: Harness<Alerter>,
    now: Arc<AtomicI64>,
}

impl Story {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(SECOND));
        Self { harness: Harness::new(Self::alerter(&now), Tables::default()), now }
    }

    fn alerter(now: &Arc<AtomicI64>) -> Alerter {
        let clock = Arc::clone(now);
        Alerter::new(Config::default(), Arc::new(move || clock.load(Ordering::Relaxed)))
    }

    fn at(&mut self, seconds: i64) {
        self.now.store(seconds * SECOND, Ordering::Relaxed);
        self.harness.tick("7", StreamTime(seconds * SECOND));
    }

    fn anomaly(&mut self, id: &str, kind: &str, severity: v1::Severity) {
        let time_us = self.now.load(Ordering::Relaxed);
        let rule = if ["offline", "recovered"].contains(&kind) { "camera-health" } else { "gate" };
        self.harness.feed(
            "7",
            Input::Anomaly(Arc::new(v1::Anomaly {
                id: id.into(),
                camera: "c".into(),
                site: "s".into(),
                rule: rule.into(),
                kind: kind.into(),
                severity: severity as i32,
                why: format!("because of {id}"),
                time_us,
                ..Default::default()
            })),
        );
    }

    /// What was told since the last time: change, count, severity.
    fn told(&mut self) -> Vec<(String, u32, i32)> {
        let out = self.harness.take();
        out.published::<v1::Alert>()
            .iter()
            .map(|alert| (alert.change.clone(), alert.count, alert.severity))
            .collect()
    }
}

fn told(change: &str, count: u32, severity: v1::Severity) -> (String, u32, i32) {
    (change.to_owned(), count, severity as i32)
}

#[test]
fn a_flood_is_one_alert_and_a_higher_severity_gets_through() {
    use v1::Severity::{High, Low};
    let mut story = Story::new();
    story.anomaly("1", "entry", Low);
    (2..20).for_each(|id| story.anomaly(&id.to_string(), "entry", Low));
    assert_eq!(story.told(), [told("opened", 1, Low)]);
    story.anomaly("20", "entry", High);
    assert_eq!(story.told(), [told("escalated", 20, High)]);
    story.anomaly("21", "entry", Low);
    story.at(5);
    assert_eq!(story.told(), [], "inside the cool-down");
    story.at(12);
    assert_eq!(story.told(), [told("grew", 21, High)]);
    story.at(100);
    assert_eq!(story.told(), [told("closed", 21, High)]);
}

#[test]
fn the_same_anomaly_counts_once_also_after_a_restart() {
    let mut story = Story::new();
    story.anomaly("1", "entry", v1::Severity::Low);
    story.anomaly("1", "entry", v1::Severity::Low);
    let fresh = Story::alerter(&story.now);
    story.harness.hand_over("7", fresh, Tables::default());
    story.anomaly("1", "entry", v1::Severity::Low);
    assert_eq!(story.told(), [told("opened", 1, v1::Severity::Low)]);
}

#[test]
fn without_a_readable_snapshot_the_store_says_where_to_go_on() {
    use v1::Severity::{High, Low};
    let day = std::time::Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let store = Sqlite::open(None, retention).unwrap();
    let mut story = Story::new();
    story.anomaly("1", "entry", Low);
    story.anomaly("2", "entry", High);
    store.write(story.harness.out.stored()).unwrap();
    story.harness.take();

    let mut fresh = Story::alerter(&story.now);
    fresh.restore(&"7".into(), Some(Snapshot(vec![0xff; 20])));
    fresh.recall(&"7".into(), &store).unwrap();
    story.harness.stage = fresh;
    story.at(12);
    story.anomaly("3", "entry", v1::Severity::Critical);
    let out = story.harness.take();
    let alerts = out.published::<v1::Alert>();
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].sequence, alerts[0].revision, alerts[0].change.as_str()), (3, 3, "escalated"));
    assert_eq!(out.published::<v1::LogEntry>()[0].sequence, 3);
}

#[test]
fn a_camera_that_is_back_closes_its_alert() {
    use v1::Severity::{High, Info};
    let mut story = Story::new();
    story.anomaly("0", "recovered", Info);
    assert_eq!(story.told(), [], "nobody was told that it was away");
    story.anomaly("1", "offline", High);
    story.at(4000);
    assert_eq!(story.told(), [told("opened", 1, High)], "an hour away is still open");
    story.anomaly("2", "recovered", Info);
    assert_eq!(story.told(), [told("closed", 2, High)]);
}

#[test]
fn sequences_are_dense_and_an_act_counts_once() {
    let mut story = Story::new();
    story.anomaly("1", "entry", v1::Severity::Low);
    let alert = story.harness.out.published::<v1::Alert>()[0].id.clone();
    for _ in 0..2 {
        story.harness.feed(
            "7",
            Input::Act(Arc::new(v1::Act {
                id: "act".into(),
                site: "s".into(),
                alert: alert.clone(),
                kind: v1::ActKind::Acknowledge as i32,
                subject: "operator".into(),
                ..Default::default()
            })),
        );
    }
    story.at(200);
    let out = story.harness.take();
    let alerts = out.published::<v1::Alert>();
    let places: Vec<(u64, u32)> = alerts.iter().map(|alert| (alert.sequence, alert.revision)).collect();
    assert_eq!(places, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!((alerts[1].change.as_str(), alerts[1].acknowledged_by.as_str()), ("acknowledged", "operator"));
}
