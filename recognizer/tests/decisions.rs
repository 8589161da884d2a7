//! Who is told to be whom: decisions with hand-made vectors, and the real model on a real face.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use cortex_models::Picture;
use cortex_proto::v1::{
    self,
    IdentityState::{Candidate, Confirmed, Rejected, TooPoor},
};
use cortex_recognizer::{Audit, Config, Embedding, Gallery, Input, Model, Recognizer};
use cortex_runtime::{CutChip, Key, Stage as _, Tables, testkit::Harness};
use prost::Message as _;
use support::{DAY_US, Room, SPACE, TODAY_US};

const ADA: [f32; 2] = [1.0, 0.0];
/// Nearly Ada: cosine 0.96 against a threshold of 0.946.
const NEARLY: [f32; 2] = [0.96, 0.28];
const STRANGER: [f32; 2] = [0.0, 1.0];
const START: i64 = 1_000_000_000_000_000;

/// Camera and person of every audited match.
type Written = Arc<Mutex<Vec<(String, String)>>>;

/// One camera, one gallery with Ada in it, and an audit chain that can break.
struct Story {
    harness: Harness<Recognizer>,
    room: Room,
    ada: String,
    audited: Written,
    broken: Arc<AtomicBool>,
    frame: u64,
}

impl Story {
    /// Ada is on one list.
    fn new(list: v1::Watchlist) -> Self {
        let room = support::room();
        let id = list.id.clone();
        room.gallery.put_list(list, "officer").unwrap();
        let ada = support::person(&room.gallery, "Ada", &[&ADA], &[&id]);
        let (audited, broken) = (Arc::default(), Arc::default());
        let harness = Harness::new(recognizer(&room.gallery, &audited, &broken), Tables::default());
        Self { harness, room, ada, audited, broken, frame: 0 }
    }

    /// A view of a track, at a second of the story.
    fn view(&mut self, track: u64, seconds: i64, vector: [f32; 2]) {
        self.frame += 1;
        let message = v1::Chip { track, quality: 0.5, width: 80.0, ..self.moment(seconds) };
        let picture = Picture::rgb(1, 1, vec![0; 3]).unwrap();
        let input = Input::Chip(Arc::new(CutChip { message, picture: Some(picture), quality: 95 }));
        let seen = Embedding { space: SPACE.into(), vector: vector.to_vec(), plain: Vec::new() };
        self.harness.apply("c", &input, Some(seen));
    }

    /// A view that is too narrow to tell.
    fn poor(&mut self, track: u64, seconds: i64, width: f32) {
        self.frame += 1;
        let message = v1::Chip { track, width, ..self.moment(seconds) };
        let input = Input::Chip(Arc::new(CutChip { message, picture: None, quality: 95 }));
        self.harness.apply("c", &input, None);
    }

    /// What the detector says: tracks alive and tracks ended.
    fn detections(&mut self, seconds: i64, alive: &[u64], ended: &[u64]) {
        let objects = alive.iter().map(|track| v1::Object { track: *track, ..Default::default() }).collect();
        let time_us = START + seconds * 1_000_000;
        let seen = v1::Detections { time_us, objects, ended: ended.to_vec(), ..Default::default() };
        self.harness.apply("c", &Input::Detections(Arc::new(seen)), None);
    }

    fn moment(&self, seconds: i64) -> v1::Chip {
        let frame = v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: self.frame };
        v1::Chip { frame: Some(frame), time_us: START + seconds * 1_000_000, ..Default::default() }
    }

    /// Track and person of everything told; empty for unknown.
    fn told(&self) -> Vec<(u64, String)> {
        let identities = self.harness.out.published::<v1::Identity>();
        let stored = self.harness.out.stored().iter().filter(|row| row.table == "identities").count();
        assert_eq!(stored, identities.len(), "everything told is stored");
        identities.iter().map(|identity| (identity.track, identity.person.clone())).collect()
    }

    /// State and reason of everything told.
    fn said(&self) -> Vec<(v1::IdentityState, String)> {
        let identities = self.harness.out.published::<v1::Identity>();
        identities.iter().map(|identity| (identity.state(), identity.reason.clone())).collect()
    }

    fn alarms(&self) -> Vec<Arc<v1::Anomaly>> {
        self.harness.out.published()
    }
}

/// A list for the log alone.
fn known() -> v1::Watchlist {
    v1::Watchlist { severity: 0, ..support::list("staff") }
}

fn model() -> Model {
    let (library, infer) = support::library();
    Model::load(&library, &infer).unwrap()
}

fn recognizer(gallery: &Gallery, audited: &Written, broken: &Arc<AtomicBool>) -> Recognizer {
    let (audited, broken) = (Arc::clone(audited), Arc::clone(broken));
    let audit: Audit = Arc::new(move |found| {
        if broken.load(Ordering::Relaxed) {
            return Err("disk full".to_owned());
        }
        audited.lock().unwrap().push((found.camera.clone(), found.person.clone()));
        Ok(())
    });
    Recognizer::new(Config::default(), model(), gallery.clone(), audit)
}

#[test]
fn two_views_make_a_known_person_who_is_told_once() {
    let mut story = Story::new(known());
    story.view(1, 0, NEARLY);
    assert!(story.told().is_empty(), "one view is not enough");
    story.view(1, 1, NEARLY);
    story.view(1, 2, ADA);
    story.detections(9, &[], &[1]);
    assert_eq!(story.told(), [(1, story.ada.clone())]);
    assert_eq!(*story.audited.lock().unwrap(), [("c".to_owned(), story.ada.clone())]);
    assert!(story.alarms().is_empty(), "the list raises none");
    let told = story.harness.out.published::<v1::Identity>();
    assert!(told[0].similarity > 0.95 && told[0].shots == 2 && told[0].threshold > 0.945, "{:?}", told[0]);
    assert_eq!((told[0].state(), told[0].lists.as_slice()), (Confirmed, &["staff".to_owned()][..]));
    assert!(!format!("{told:?}").contains("Ada"), "messages carry ids, never names");
}

#[test]
fn a_stranger_is_told_when_the_track_ends_or_no_better_view_comes() {
    let mut story = Story::new(known());
    story.view(1, 0, STRANGER);
    story.view(2, 0, STRANGER);
    story.detections(1, &[2], &[1]);
    assert_eq!(story.told(), [(1, String::new())]);
    story.detections(2, &[2], &[]);
    assert_eq!(story.told().len(), 1, "better views may still come");
    story.detections(4, &[2], &[]);
    assert_eq!(story.told(), [(1, String::new()), (2, String::new())]);
    assert_eq!(story.said()[0], (Rejected, "nobody of a list: similarity 0.000 against 0.946".to_owned()));
    assert!(story.audited.lock().unwrap().is_empty(), "only matches are audited");
    // Who turns round may still become known.
    (5..12).for_each(|second| story.view(2, second, ADA));
    assert_eq!(story.told().last().unwrap(), &(2, story.ada.clone()));
}

#[test]
fn too_little_or_too_poor_is_said_and_nobody_is_named() {
    let mut story = Story::new(support::list("wanted"));
    story.view(1, 0, ADA);
    story.detections(1, &[], &[1]);
    story.poor(2, 2, 18.0);
    story.poor(2, 3, 24.0);
    story.detections(4, &[], &[2]);
    assert_eq!(story.told(), [(1, String::new()), (2, String::new())]);
    assert_eq!(
        story.said(),
        [
            (Candidate, "resembles somebody: 1 view of 2 that are needed".to_owned()),
            (TooPoor, "too poor to tell: the face is 24 pixels wide, 30 are needed".to_owned()),
        ]
    );
    assert!(story.alarms().is_empty() && story.audited.lock().unwrap().is_empty());
}

#[test]
fn views_that_are_nearest_to_different_people_are_no_match() {
    let mut story = Story::new(support::list("wanted"));
    support::person(&story.room.gallery, "Grace", &[&[0.7648, 0.6442]], &["wanted"]);
    // Two nearer to Grace, two nearer to Ada, and together nearly Ada.
    let between = |angle: f32| [angle.cos(), angle.sin()];
    for (second, angle) in [0.36, 0.36, -0.7, -0.25].into_iter().enumerate() {
        story.view(1, second as i64, between(angle));
    }
    story.detections(5, &[], &[1]);
    assert!(story.told().iter().all(|(_, person)| person.is_empty()), "{:?}", story.said());
    assert!(story.said()[0].1.contains("2 of 4 views"), "{:?}", story.said());
}

#[test]
fn a_list_that_is_empty_or_expired_searches_for_nobody() {
    let mut story = Story::new(support::list("wanted"));
    story.view(1, 0, ADA);
    story.room.now_us.store(TODAY_US + 31 * DAY_US, Ordering::Relaxed);
    story.view(1, 1, ADA);
    story.view(2, 1, STRANGER);
    story.poor(3, 1, 20.0);
    story.detections(9, &[], &[1, 2, 3]);
    assert!(story.told().is_empty(), "nothing is told when nobody is looked for: {:?}", story.said());
    assert!(story.audited.lock().unwrap().is_empty());

    // In force again, and empty.
    let gallery = story.room.gallery.clone();
    let list = v1::Watchlist { expires_us: TODAY_US + 60 * DAY_US, ..support::list("wanted") };
    gallery.put_list(list.clone(), "officer").unwrap();
    (10..13).for_each(|second| story.view(4, second, ADA));
    story.detections(14, &[], &[4]);
    assert!(story.told().is_empty(), "{:?}", story.said());
    gallery.put_list(v1::Watchlist { members: vec![story.ada.clone()], ..list }, "officer").unwrap();
    (15..18).for_each(|second| story.view(5, second, ADA));
    assert_eq!(story.told(), [(5, story.ada.clone())]);
}

#[test]
fn who_is_put_on_a_list_while_they_are_there_is_found_without_another_view() {
    let mut story = Story::new(support::list("wanted"));
    let gallery = story.room.gallery.clone();
    story.view(1, 0, STRANGER);
    story.view(1, 1, STRANGER);
    story.detections(5, &[1], &[]);
    assert_eq!(story.told(), [(1, String::new())]);
    let grace = support::person(&gallery, "Grace", &[&STRANGER], &["wanted"]);
    story.detections(6, &[1], &[]);
    story.detections(7, &[1], &[]);
    assert_eq!(story.told(), [(1, String::new()), (1, grace)]);
}

#[test]
fn who_is_watched_for_raises_an_anomaly_that_says_why() {
    let mut story = Story::new(support::list("wanted"));
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    let anomalies = story.alarms();
    let [anomaly] = anomalies.as_slice() else { panic!("{anomalies:?}") };
    assert_eq!((anomaly.kind.as_str(), &anomaly.person), ("watchlist", &story.ada));
    assert_eq!(anomaly.severity(), v1::Severity::High);
    assert!(anomaly.why.contains("`wanted people`"), "{}", anomaly.why);
    assert!(anomaly.why.contains("similarity 1.000 against 0.946, 2 views"), "{}", anomaly.why);
    assert!(anomaly.models.contains_key("embedding") && anomaly.measures[0].threshold > 0.94);
}

#[test]
fn a_match_that_cannot_be_audited_is_not_told() {
    let mut story = Story::new(support::list("wanted"));
    story.broken.store(true, Ordering::Relaxed);
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    story.detections(2, &[], &[1]);
    assert!(story.told().is_empty() && story.alarms().is_empty());
    story.broken.store(false, Ordering::Relaxed);
    story.view(2, 3, ADA);
    story.view(2, 4, ADA);
    assert_eq!(story.told(), [(2, story.ada.clone())]);
}

#[test]
fn a_restart_does_not_tell_twice() {
    let mut story = Story::new(support::list("wanted"));
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    story.harness.take();
    let fresh = recognizer(&story.room.gallery, &story.audited, &story.broken);
    story.harness.hand_over("c", fresh, Tables::default());
    story.view(1, 2, ADA);
    story.view(1, 3, ADA);
    assert!(story.told().is_empty() && story.alarms().is_empty());
}

#[test]
fn a_track_that_ends_unsaid_is_forgotten() {
    for (gap, alive, known_now) in [(31, false, false), (31, true, true), (-31, false, false)] {
        let mut story = Story::new(known());
        story.view(1, 0, ADA);
        for second in 1..31 {
            story.detections(second * i64::signum(gap), if alive { &[1] } else { &[] }, &[]);
        }
        story.detections(gap, &[], &[]);
        // The second view of two, if the first one is still remembered.
        story.view(1, gap, ADA);
        let named = story.told().iter().any(|(_, person)| !person.is_empty());
        assert_eq!(named, known_now, "{gap} s, alive: {alive}");
    }
}

#[test]
fn what_was_told_of_somebody_erased_no_longer_resolves() {
    let mut story = Story::new(known());
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    let told = story.harness.out.published::<v1::Identity>().remove(0);
    let snapshot = story.harness.stage.snapshot(&Key::from("c"));
    // A dead letter is a copy of the fact.
    let dead = v1::Dead { fact: told.encode_to_vec(), ..Default::default() };
    let vector: Vec<u8> = ADA.iter().flat_map(|value| value.to_le_bytes()).collect();
    let rows = story.harness.out.stored().iter().map(|row| row.body.clone());
    for bytes in rows.chain([snapshot.0, dead.encode_to_vec()]) {
        let holds = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        assert!(!holds(b"Ada") && !holds(&vector), "a name or a vector lies open");
    }
    assert_eq!(story.room.gallery.name(&told.person).as_deref(), Some("Ada"));
    story.room.gallery.erase(&story.ada).unwrap();
    assert_eq!(story.room.gallery.name(&told.person), None);
}

#[test]
fn recognition_is_off_until_it_is_switched_on() {
    assert!(!Config::default().enabled);
}

#[test]
fn the_real_model_knows_a_real_face_and_tells_nothing_of_a_poor_one() {
    let mut story = Story::new(known());
    // Her vector is none of the real model.
    story.room.gallery.erase(&story.ada).unwrap();
    let mut enroller = support::enroller();
    let picture = support::astronaut();
    let request = v1::EnrolRequest {
        name: "Eileen".into(),
        pictures: vec![picture.clone()],
        lists: vec!["staff".into()],
    };
    let enrolled = enroller.enrol(&request, &story.room.gallery, false).unwrap();
    // The same face out of a smaller and coarser picture.
    let (still, faces) = enroller.embed(&support::shrunk(&picture, 0.8)).unwrap();
    for second in 0..3 {
        let poor = v1::Chip { track: 2, width: 29.0, ..story.moment(second) };
        story.harness.feed("c", Input::Chip(Arc::new(support::chip(&still, &faces[0].face, poor))));
    }
    story.detections(9, &[], &[2]);
    assert_eq!(story.said().last().unwrap().0, TooPoor);
    for second in 0..2 {
        let good = v1::Chip { track: 1, width: 60.0, quality: 0.6, ..story.moment(second) };
        story.harness.feed("c", Input::Chip(Arc::new(support::chip(&still, &faces[0].face, good))));
    }
    assert_eq!(story.told().last().unwrap(), &(1, enrolled.person));
}

#[test]
fn strangers_are_told_apart_only_where_that_is_on_and_ignored_ones_not_at_all() {
    let mut off = Story::new(known());
    off.view(1, 0, STRANGER);
    off.detections(1, &[], &[1]);
    assert!(off.harness.out.published::<v1::Identity>()[0].stranger.is_empty());

    let mut story = Story::new(known());
    story.room.gallery = story.room.gallery.clone().telling_strangers_apart(60_000_000);
    let stage = recognizer(&story.room.gallery, &story.audited, &story.broken);
    story.harness = Harness::new(stage, Tables::default());
    for track in 1..=3 {
        story.view(track, track as i64, STRANGER);
        story.detections(track as i64, &[], &[track]);
    }
    let told = story.harness.out.published::<v1::Identity>();
    let seen: Vec<u32> = told.iter().map(|identity| identity.stranger_seen).collect();
    assert_eq!(seen, [1, 2, 3]);
    assert!(told[2].reason.ends_with("seen 3 times") && told[2].stranger == told[0].stranger);
    assert!(
        story.harness.out.stored().iter().all(|row| row.table == "identities"),
        "nothing else is written"
    );
}
