//! Who is told to be whom: decisions with hand-made vectors, and the real model on a real face.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use cortex_models::Picture;
use cortex_proto::v1;
use cortex_recognizer::{Audit, Config, Embedding, Gallery, Input, Model, Person, Recognizer};
use cortex_runtime::{CutChip, Tables, testkit::Harness};

const ADA: [f32; 2] = [1.0, 0.0];
/// Nearly Ada: cosine 0.96 against a threshold of 0.945.
const NEARLY: [f32; 2] = [0.96, 0.28];
const STRANGER: [f32; 2] = [0.0, 1.0];
const START: i64 = 1_000_000_000_000_000;

/// Camera and person of every audited match.
type Audited = Arc<Mutex<Vec<(String, String)>>>;

/// One camera, one gallery with Ada in it, and an audit chain that can break.
struct Story {
    harness: Harness<Recognizer>,
    gallery: Gallery,
    audited: Audited,
    broken: Arc<AtomicBool>,
    frame: u64,
}

impl Story {
    fn new(watch: v1::Severity) -> Self {
        let gallery = support::gallery();
        let (audited, broken) = (Arc::default(), Arc::default());
        let harness = Harness::new(recognizer(&gallery, &audited, &broken), Tables::default());
        let person = Person {
            id: "ada-id".into(),
            name: "Ada".into(),
            space: model().space().to_owned(),
            embeddings: vec![ADA.to_vec()],
            watch: watch as i32,
            enrolled_us: 1,
        };
        gallery.put(&person).unwrap();
        Self { harness, gallery, audited, broken, frame: 0 }
    }

    /// A view of a track, at a second of the story.
    fn view(&mut self, track: u64, seconds: i64, vector: [f32; 2]) {
        self.frame += 1;
        let message = v1::Chip { track, quality: 0.5, width: 80.0, ..self.moment(seconds) };
        let picture = Picture::rgb(1, 1, vec![0; 3]).unwrap();
        let input = Input::Chip(Arc::new(CutChip { message, picture: Some(picture), quality: 95 }));
        self.harness.apply("c", &input, Some(Embedding(vector.to_vec())));
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
}

fn model() -> Model {
    let (library, infer) = support::library();
    Model::load(&library, &infer).unwrap()
}

fn recognizer(gallery: &Gallery, audited: &Audited, broken: &Arc<AtomicBool>) -> Recognizer {
    let (audited, broken) = (Arc::clone(audited), Arc::clone(broken));
    let audit: Audit = Arc::new(move |camera, person, _| {
        if broken.load(Ordering::Relaxed) {
            return Err("disk full".to_owned());
        }
        audited.lock().unwrap().push((camera.to_owned(), person.to_owned()));
        Ok(())
    });
    Recognizer::new(Config::default(), model(), gallery.clone(), audit)
}

#[test]
fn two_views_make_a_known_person_who_is_told_once() {
    let mut story = Story::new(v1::Severity::Unspecified);
    story.view(1, 0, NEARLY);
    assert!(story.told().is_empty(), "one view is not enough");
    story.view(1, 1, NEARLY);
    story.view(1, 2, ADA);
    story.detections(9, &[], &[1]);
    assert_eq!(story.told(), [(1, "ada-id".to_owned())]);
    assert_eq!(*story.audited.lock().unwrap(), [("c".to_owned(), "ada-id".to_owned())]);
    assert!(story.harness.out.published::<v1::Anomaly>().is_empty(), "nobody watches for Ada");
    let told = story.harness.out.published::<v1::Identity>();
    assert!(told[0].similarity > 0.95 && told[0].shots == 2 && told[0].threshold > 0.94, "{:?}", told[0]);
    assert!(!format!("{told:?}").contains("Ada"), "messages carry ids, never names");
}

#[test]
fn a_stranger_is_told_when_the_track_ends_or_no_better_view_comes() {
    let mut story = Story::new(v1::Severity::Unspecified);
    story.view(1, 0, STRANGER);
    story.view(2, 0, STRANGER);
    story.detections(1, &[2], &[1]);
    assert_eq!(story.told(), [(1, String::new())]);
    story.detections(2, &[2], &[]);
    assert_eq!(story.told().len(), 1, "better views may still come");
    story.detections(4, &[2], &[]);
    assert_eq!(story.told(), [(1, String::new()), (2, String::new())]);
    assert!(story.audited.lock().unwrap().is_empty(), "only matches are audited");
    // Who turns round may still become known.
    (5..12).for_each(|second| story.view(2, second, ADA));
    assert_eq!(story.told().last().unwrap(), &(2, "ada-id".to_owned()));
}

#[test]
fn one_view_that_resembles_somebody_is_neither_known_nor_unknown() {
    let mut story = Story::new(v1::Severity::High);
    story.view(1, 0, ADA);
    story.detections(5, &[1], &[]);
    story.detections(6, &[], &[1]);
    assert!(story.told().is_empty());
}

#[test]
fn who_is_watched_for_raises_an_anomaly_that_says_why() {
    let mut story = Story::new(v1::Severity::High);
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    let anomalies = story.harness.out.published::<v1::Anomaly>();
    let [anomaly] = anomalies.as_slice() else { panic!("{anomalies:?}") };
    assert_eq!((anomaly.kind.as_str(), anomaly.person.as_str()), ("watchlist", "ada-id"));
    assert_eq!(anomaly.severity(), v1::Severity::High);
    assert!(anomaly.why.contains("similarity 1.000 against 0.945, 2 views"), "{}", anomaly.why);
    assert!(anomaly.models.contains_key("embedding") && anomaly.measures[0].threshold > 0.94);
}

#[test]
fn a_match_that_cannot_be_audited_is_not_told() {
    let mut story = Story::new(v1::Severity::High);
    story.broken.store(true, Ordering::Relaxed);
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    story.detections(2, &[], &[1]);
    assert!(story.told().is_empty() && story.harness.out.published::<v1::Anomaly>().is_empty());
    story.broken.store(false, Ordering::Relaxed);
    story.view(2, 3, ADA);
    story.view(2, 4, ADA);
    assert_eq!(story.told(), [(2, "ada-id".to_owned())]);
}

#[test]
fn a_restart_does_not_tell_twice() {
    let mut story = Story::new(v1::Severity::High);
    story.view(1, 0, ADA);
    story.view(1, 1, ADA);
    story.harness.take();
    let fresh = recognizer(&story.gallery, &story.audited, &story.broken);
    story.harness.hand_over("c", fresh, Tables::default());
    story.view(1, 2, ADA);
    story.view(1, 3, ADA);
    assert!(story.told().is_empty() && story.harness.out.published::<v1::Anomaly>().is_empty());
}

#[test]
fn a_track_that_ends_unsaid_is_forgotten() {
    for (gap, alive, known) in [(31, false, false), (31, true, true), (-31, false, false)] {
        let mut story = Story::new(v1::Severity::Unspecified);
        story.view(1, 0, ADA);
        for second in 1..31 {
            story.detections(second * i64::signum(gap), if alive { &[1] } else { &[] }, &[]);
        }
        story.detections(gap, &[], &[]);
        // The second view of two, if the first one is still remembered.
        story.view(1, gap, ADA);
        assert_eq!(!story.told().is_empty(), known, "{gap} s, alive: {alive}");
    }
}

#[test]
fn recognition_is_off_until_it_is_switched_on() {
    assert!(!Config::default().enabled);
}

#[test]
fn the_real_model_knows_a_real_face_and_tells_nothing_of_a_poor_one() {
    let mut story = Story::new(v1::Severity::Unspecified);
    let mut enroller = support::enroller();
    let picture = support::astronaut();
    let request =
        v1::EnrolRequest { name: "Eileen".into(), pictures: vec![picture.clone()], ..Default::default() };
    let enrolled = enroller.enrol(&request, &story.gallery).unwrap();
    // The same face out of a smaller and coarser picture.
    let (still, faces) = enroller.embed(&support::shrunk(&picture, 0.8)).unwrap();
    for second in 0..3 {
        let poor = v1::Chip { track: 2, width: 29.0, ..story.moment(second) };
        story.harness.feed("c", Input::Chip(Arc::new(support::chip(&still, &faces[0].face, poor))));
    }
    story.detections(9, &[], &[2]);
    assert!(story.told().is_empty(), "too poor to tell");
    for second in 0..2 {
        let good = v1::Chip { track: 1, width: 60.0, quality: 0.6, ..story.moment(second) };
        story.harness.feed("c", Input::Chip(Arc::new(support::chip(&still, &faces[0].face, good))));
    }
    assert_eq!(story.told(), [(1, enrolled.person)]);
}
