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
        let rule = if ["offline", "recovered"].contains(&kind) { "camera-health" } else { "gate" };
        self.feed(v1::Anomaly {
            id: id.into(),
            rule: rule.into(),
            kind: kind.into(),
            severity: severity as i32,
            ..Default::default()
        });
    }

    /// An anomaly of camera `c` now, unless it names another.
    fn feed(&mut self, anomaly: v1::Anomaly) {
        let time_us = self.now.load(Ordering::Relaxed);
        let camera = if anomaly.camera.is_empty() { "c".to_owned() } else { anomaly.camera };
        let why = format!("because of {}", anomaly.id);
        let anomaly = v1::Anomaly { camera, site: "s".into(), why, time_us, ..anomaly };
        self.harness.feed("7", Input::Anomaly(Arc::new(anomaly)));
    }

    fn act(&mut self, act: v1::Act) {
        self.harness.feed("7", Input::Act(Arc::new(v1::Act { site: "s".into(), ..act })));
    }

    fn acknowledge(&mut self, id: &str, alert: &str, false_alarm: bool) {
        self.act(v1::Act {
            id: id.into(),
            alert: alert.into(),
            kind: v1::ActKind::Acknowledge as i32,
            subject: "operator".into(),
            false_alarm,
            ..Default::default()
        });
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
    (0..2).for_each(|_| story.acknowledge("act", &alert, false));
    story.at(200);
    let out = story.harness.take();
    let alerts = out.published::<v1::Alert>();
    let places: Vec<(u64, u32)> = alerts.iter().map(|alert| (alert.sequence, alert.revision)).collect();
    assert_eq!(places, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!((alerts[1].change.as_str(), alerts[1].acknowledged_by.as_str()), ("acknowledged", "operator"));
    let acts: Vec<&str> = alerts.iter().map(|alert| alert.act.as_str()).collect();
    assert_eq!(acts, ["", "act", ""]);
}

#[test]
fn a_comment_is_a_revision_of_its_own_and_outlives_an_answer_without_words() {
    let mut story = Story::new();
    story.anomaly("1", "entry", v1::Severity::Low);
    let alert = story.harness.take().published::<v1::Alert>()[0].id.clone();
    story.act(v1::Act {
        id: "said".into(),
        alert: alert.clone(),
        kind: v1::ActKind::Comment as i32,
        subject: "guard".into(),
        comment: "on my way".into(),
        ..Default::default()
    });
    story.acknowledge("act", &alert, false);
    let out = story.harness.take();
    let [said, answered] = &out.published::<v1::Alert>()[..] else { panic!("two acts, two revisions") };
    assert_eq!((said.change.as_str(), said.state()), ("commented", v1::AlertState::Open));
    assert_eq!((answered.change.as_str(), answered.state()), ("acknowledged", v1::AlertState::Acknowledged));
    for alert in [said, answered] {
        assert_eq!((alert.comment.as_str(), alert.commented_by.as_str()), ("on my way", "guard"));
    }
    assert_eq!((said.acknowledged_by.as_str(), answered.acknowledged_by.as_str()), ("", "operator"));
}

/// An anomaly of a rule about a track at a place.
fn of(id: &str, rule: &str, track: u64, place: &str, severity: v1::Severity) -> v1::Anomaly {
    v1::Anomaly {
        id: id.into(),
        rule: rule.into(),
        kind: rule.into(),
        track,
        place: place.into(),
        severity: severity as i32,
        ..Default::default()
    }
}

#[test]
fn rules_about_one_track_or_one_place_are_one_incident_with_a_time_line() {
    use v1::Severity::{High, Low, Medium};
    let mut story = Story::new();
    story.feed(of("1", "entry", 5, "yard", Low));
    story.feed(of("2", "running", 5, "", Medium));
    story.feed(of("3", "crowd", 9, "yard", High));
    story.feed(of("4", "entry", 6, "gate", Low));
    let alerts = story.harness.take().published::<v1::Alert>();
    let changes: Vec<(&str, &str, i32)> =
        alerts.iter().map(|alert| (alert.change.as_str(), alert.rule.as_str(), alert.severity)).collect();
    assert_eq!(
        changes,
        [
            ("opened", "entry", Low as i32),
            ("escalated", "running", Medium as i32),
            ("escalated", "crowd", High as i32),
            ("opened", "entry", Low as i32)
        ]
    );
    let line: Vec<(&str, &str)> =
        alerts[2].timeline.iter().map(|moment| (moment.rule.as_str(), moment.why.as_str())).collect();
    assert_eq!(
        line,
        [("entry", "because of 1"), ("running", "because of 2"), ("crowd", "because of 3")],
        "in order, each with its reason"
    );
    assert_ne!(alerts[3].id, alerts[2].id, "another track at another place");
    story.at(60);
    story.feed(of("5", "running", 5, "", Low));
    let alerts = story.harness.take().published::<v1::Alert>();
    assert_eq!(alerts.last().unwrap().change, "opened", "much later it is another story");
}

#[test]
fn two_people_of_a_watch_list_are_two_alerts_and_one_on_two_cameras_is_one() {
    let mut story = Story::new();
    for (id, camera, person, track) in
        [("1", "c", "ann", 1), ("2", "c", "bob", 2), ("3", "d", "ann", 3), ("4", "d", "bob", 4)]
    {
        let seen = of(id, "watch-list", track, "", v1::Severity::High);
        story.feed(v1::Anomaly { camera: camera.into(), person: person.into(), ..seen });
    }
    story.at(12);
    let alerts = story.harness.take().published::<v1::Alert>();
    let told: Vec<(&str, &str, u32)> = alerts
        .iter()
        .map(|alert| (alert.change.as_str(), alert.latest.as_ref().unwrap().person.as_str(), alert.count))
        .collect();
    assert_eq!(told, [("opened", "ann", 1), ("opened", "bob", 1), ("grew", "ann", 2), ("grew", "bob", 2)]);
    assert_eq!(alerts[2].timeline[1].camera, "d");
}

#[test]
fn a_rule_that_flaps_is_damped_and_says_so_until_it_rests() {
    use v1::Severity::{High, Low};
    let mut story = Story::new();
    // Each visit is an incident of its own, because they are more than `group_s` apart.
    let visits = (0..70).map(|visit| 40 * visit).collect::<Vec<i64>>();
    let mut told = Vec::new();
    for at in &visits {
        story.at(*at);
        story.feed(of(&format!("visit {at}"), "gate", *at as u64, "gate", Low));
        let out = story.harness.take();
        let alerts = out.published::<v1::Alert>();
        told.extend(alerts.iter().filter(|alert| alert.change != "closed").map(|alert| (*at, alert.clone())));
    }
    let flapping = told.iter().position(|(_, alert)| alert.change == "flapping").expect("it is noticed");
    assert!(
        told[..flapping].iter().all(|(_, alert)| alert.damped.is_empty()),
        "at first it is told as it happens"
    );
    assert!(told[flapping].1.damped.contains("rule gate on camera c flaps"), "{}", told[flapping].1.damped);
    let after = &told[flapping..];
    assert!(after[1..].iter().all(|(_, alert)| alert.change == "grew" && alert.id == after[0].1.id));
    let pauses: Vec<i64> = after.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(pauses.len() > 3 && pauses.is_sorted() && pauses[3] >= 8 * 20, "ever longer: {pauses:?}");

    story.feed(of("worse", "gate", 1, "gate", High));
    assert_eq!(story.told().last().unwrap().0, "escalated", "what is worse always gets through");
    story.at(visits[69] + 290);
    assert!(!story.told().iter().any(|(change, ..)| change == "closed"));
    story.at(visits[69] + 310);
    assert_eq!(story.told().last().unwrap().0, "closed", "it rests");
    story.feed(of("again", "gate", 1, "gate", Low));
    assert!(story.harness.take().published::<v1::Alert>()[0].damped.is_empty());
}

#[test]
fn a_verdict_is_kept_for_every_rule_of_the_incident_and_may_be_taken_back() {
    let mut story = Story::new();
    story.feed(of("1", "entry", 5, "yard", v1::Severity::Low));
    story.feed(of("2", "running", 5, "", v1::Severity::Medium));
    let alert = story.harness.take().published::<v1::Alert>()[0].id.clone();
    let verdicts = |story: &mut Story| -> Vec<v1::Verdict> {
        let out = story.harness.take();
        let rows = out.stored().iter().filter(|row| row.table == "verdicts");
        rows.map(|row| prost::Message::decode(row.body.as_slice()).unwrap()).collect()
    };
    for (id, wrong) in [("first", true), ("second", false)] {
        story.acknowledge(id, &alert, wrong);
        let kept = verdicts(&mut story);
        let kept: Vec<_> = kept
            .iter()
            .map(|verdict| (verdict.rule.as_str(), verdict.camera.as_str(), verdict.false_alarm))
            .collect();
        assert_eq!(kept, [("entry", "c", wrong), ("running", "c", wrong)]);
    }
}

#[test]
fn however_much_happens_a_partition_fits_into_its_snapshot_and_nothing_ends_unsaid() {
    let mut story = Story::new();
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    for n in 0..600_u64 {
        story.now.fetch_add(SECOND / 10, Ordering::Relaxed);
        let anomaly = of(&format!("{n}"), &"r".repeat(64), 1 + n % 90, "", v1::Severity::Low);
        story.feed(v1::Anomaly {
            camera: format!("camera-{}", n % 90),
            path: vec![v1::Point { x: 0.5, y: 0.5 }; 64],
            samples: vec![v1::Sample { time_us: 1 << 50, name: "dwell_s".into(), value: 1.5 }; 64],
            ..anomaly
        });
        let fresh = Story::alerter(&story.now);
        story.harness.hand_over("7", fresh, Tables::default());
        for alert in story.harness.take().published::<v1::Alert>() {
            match alert.change.as_str() {
                "opened" => opened.push(alert.id.clone()),
                "closed" => closed.push(alert.id.clone()),
                _ => {}
            }
        }
    }
    assert!(opened.len() > 90, "incidents gave way: {}", opened.len());
    assert!(opened.len() - closed.len() >= 20, "{} of {} live on", opened.len() - closed.len(), opened.len());
    assert!(closed.iter().all(|id| opened.contains(id)));
}
