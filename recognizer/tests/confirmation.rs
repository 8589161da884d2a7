//! Two people must confirm a match, and until then nobody is told who it is.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::{Arc, Barrier, atomic::Ordering};

use cortex_models::Picture;
use cortex_process::{Config, Recognition, block_on, config};
use cortex_proto::v1::{self, MatchState::*};
use cortex_recognizer::{Audit, Embedding, Input, Model, Recognizer, recognition};
use cortex_runtime::{CutChip, Tables, access::Subject, testkit::Harness};
use support::{DAY_US, Room, SPACE};
use tonic::{Code, Request, Status};

const ADA: [f32; 2] = [1.0, 0.0];
/// Somebody who is taken for Ada: cosine 0.98.
const DOUBLE: [f32; 2] = [0.98, 0.199];

struct Story {
    room: Room,
    ada: String,
    hands: Recognition,
    harness: Harness<Recognizer>,
    frame: u64,
}

impl Story {
    fn new(profile: &str) -> Self {
        let room = support::room();
        let list = v1::Watchlist { without_confirmation: false, ..support::list("wanted") };
        room.gallery.put_list(list, "officer").unwrap();
        let ada = support::person(&room.gallery, "Ada", &[&ADA], &["wanted"]);
        let (library, infer) = support::library();
        let audit: Audit = Arc::new(|_| Ok(()));
        let stage = Recognizer::new(
            cortex_recognizer::Config::default(),
            Model::load(&library, &infer).unwrap(),
            room.gallery.clone(),
            audit,
        );
        let hands = recognition(&settings(profile), Some(room.gallery.clone()));
        Self { room, ada, hands, harness: Harness::new(stage, Tables::default()), frame: 0 }
    }

    /// Two views of somebody; what was stored of them is in the store.
    fn seen(&mut self, track: u64, vector: [f32; 2]) {
        for _ in 0..2 {
            self.frame += 1;
            let frame = v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: self.frame };
            let message = v1::Chip {
                track,
                quality: 0.6,
                width: 80.0,
                time_us: 1_000_000 * self.frame as i64,
                frame: Some(frame),
                ..Default::default()
            };
            let picture = Picture::rgb(16, 16, vec![200; 16 * 16 * 3]).unwrap();
            let chip = CutChip { message, picture: Some(picture), quality: 95 };
            let seen = Embedding { space: SPACE.into(), vector: vector.to_vec(), plain: Vec::new() };
            self.harness.apply("c", &Input::Chip(Arc::new(chip)), Some(seen));
        }
        for row in self.harness.out.stored() {
            self.room.store.write(std::slice::from_ref(row)).unwrap();
        }
    }

    fn matches(&self, state: v1::MatchState) -> Vec<v1::Match> {
        let request = v1::ListMatchesRequest { state: state as i32, limit: 0 };
        ask(&self.hands.matches, "inga", request).unwrap().matches
    }

    fn decide(&self, by: &str, id: &str, confirmed: bool) -> Result<v1::DecideResponse, Status> {
        let request = v1::DecideRequest { r#match: id.into(), confirmed, comment: "looked".into() };
        ask(&self.hands.decide, by, request)
    }
}

fn settings(profile: &str) -> Config {
    let text = format!("profile = \"{profile}\"\n");
    config::load_text("cortex.toml", &text).unwrap()
}

/// A call as the access layer passes it on: with who calls.
fn ask<Q, R>(call: &cortex_process::Call<Q, R>, by: &str, message: Q) -> Result<R, Status> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Subject { name: by.to_owned(), roles: Vec::new() });
    let mut answer = None;
    block_on(async {
        answer = Some(call(request).await);
        Ok(())
    })
    .unwrap();
    answer.unwrap()
}

#[test]
fn two_different_people_make_a_candidate_a_person() {
    let mut story = Story::new("eu-private");
    story.seen(1, ADA);
    // Told: somebody may be there. Not told: who.
    let identities = story.harness.out.published::<v1::Identity>();
    assert_eq!((identities.len(), identities[0].state()), (1, v1::IdentityState::Candidate));
    let anomalies = story.harness.out.published::<v1::Anomaly>();
    let waiting = story.matches(Candidate);
    let [found] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!((anomalies.len(), &anomalies[0].r#match), (1, &found.id));
    for text in [format!("{identities:?}"), format!("{anomalies:?}"), format!("{waiting:?}")] {
        assert!(!text.contains(&story.ada) && !text.contains("Ada"), "{text}");
    }

    let first = story.decide("ingrid", &found.id, true).unwrap();
    assert_eq!(first.r#match.as_ref().unwrap().state(), First);
    assert!(first.identity.is_none() && first.anomaly.is_none() && first.r#match.unwrap().person.is_empty());
    let again = story.decide("ingrid", &found.id, true).unwrap_err();
    assert!(again.code() == Code::InvalidArgument && again.message().contains("somebody else"), "{again}");
    assert_eq!(story.matches(First).len(), 1);

    let second = story.decide("olu", &found.id, true).unwrap();
    let decided = second.r#match.unwrap();
    assert_eq!((decided.state(), &decided.person), (Confirmed, &story.ada));
    let by: Vec<&str> = decided.decisions.iter().map(|decision| decision.subject.as_str()).collect();
    assert_eq!(by, ["ingrid", "olu"]);
    assert_eq!(second.identity.as_ref().unwrap().person, story.ada);
    let anomaly = second.anomaly.as_ref().unwrap();
    assert_eq!((&anomaly.person, &anomaly.r#match), (&story.ada, &found.id));
    // A caller whose answer was lost asks again and is told the same, under the same ids.
    let lost = story.decide("olu", &found.id, true).unwrap();
    assert_eq!((lost.identity, lost.anomaly), (second.identity, second.anomaly));
    let late = story.decide("ada", &found.id, true).unwrap_err();
    assert!(late.message().contains("decided already"), "{late}");
    // She is in the time line now.
    let request = v1::SightingsRequest { person: story.ada.clone(), ..Default::default() };
    let seen = ask(&story.hands.sightings, "inga", request).unwrap().sightings;
    assert_eq!((seen.len(), seen[0].camera.as_str()), (1, "c"));
}

#[test]
fn who_is_rejected_is_not_taken_for_them_again() {
    let mut story = Story::new("eu-private");
    story.seen(1, DOUBLE);
    let found = story.matches(Candidate).remove(0);
    let rejected = story.decide("ingrid", &found.id, false).unwrap().r#match.unwrap();
    assert_eq!((rejected.state(), rejected.person.as_str()), (Rejected, ""));
    assert!(story.decide("olu", &found.id, true).is_err());
    story.harness.take();
    story.seen(2, DOUBLE);
    assert!(story.matches(Candidate).is_empty() && story.harness.out.published::<v1::Anomaly>().is_empty());
    // She herself still is.
    story.seen(3, ADA);
    assert_eq!(story.matches(Candidate).len(), 1);
    assert_eq!(story.room.gallery.people()[0].negatives, 1);
}

#[test]
fn two_who_decide_in_the_same_moment_are_two_and_one_person_is_one() {
    let mut story = Story::new("eu-private");
    for (track, others) in [(1, false), (2, true)] {
        story.seen(track, ADA);
        let found = story.matches(Candidate).remove(0);
        let start = Barrier::new(2);
        let states: Vec<Result<v1::DecideResponse, Status>> = std::thread::scope(|scope| {
            let decide = |by: &'static str| {
                let (story, start, id) = (&story, &start, &found.id);
                scope.spawn(move || {
                    start.wait();
                    story.decide(by, id, true)
                })
            };
            let both = [decide("ingrid"), decide(if others { "olu" } else { "ingrid" })];
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let state = ask(&story.hands.matches, "inga", v1::ListMatchesRequest::default()).unwrap().matches;
        let state = state.iter().find(|other| other.id == found.id).unwrap().state();
        assert_eq!(state, if others { Confirmed } else { First }, "{states:?}");
    }
}

#[test]
fn a_match_is_revealed_for_a_while_where_the_profile_allows_it() {
    let mut story = Story::new("eu-private");
    story.seen(1, ADA);
    let found = story.matches(Candidate).remove(0);
    let reveal =
        |story: &Story| ask(&story.hands.reveal, "ingrid", v1::RevealRequest { r#match: found.id.clone() });
    let revealed = reveal(&story).unwrap();
    assert!(revealed.seen.starts_with(&[0xff, 0xd8]) && revealed.name == "Ada", "the face that was seen");
    // Nothing of it lies open in the store.
    let rows = story.harness.out.stored().iter().filter(|row| row.table == "matches");
    for row in rows {
        assert!(!row.body.windows(3).any(|bytes| bytes == [0xff, 0xd8, 0xff]), "a JPEG is in the row");
    }
    story.room.now_us.fetch_add(3 * DAY_US, Ordering::Relaxed);
    assert!(reveal(&story).unwrap_err().message().contains("time is over"));

    let locked = recognition(&settings("eu-public"), Some(story.room.gallery.clone()));
    let refused = ask(&locked.reveal, "ingrid", v1::RevealRequest { r#match: found.id.clone() });
    assert!(refused.unwrap_err().message().contains("eu-public"));

    // Who is erased takes along what was seen of them.
    story.room.now_us.fetch_sub(3 * DAY_US, Ordering::Relaxed);
    story.room.gallery.erase(&story.ada).unwrap();
    assert!(reveal(&story).unwrap_err().message().contains("erased"));
}
