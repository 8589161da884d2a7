//! People on no list who come again: told apart for a limited time, in memory alone.
//!
//! Off unless the configuration gives it a life and the profile allows it. A stranger is the mean of the views of their
//! tracks. Nothing of it is written anywhere, and a process that ends has forgotten it; so has every process after its life.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_models::{Card, normalise};
use cortex_proto::v1;

use crate::{Embedding, Error};

/// Strangers that are told apart at once; whoever was seen longest ago goes first.
const MOST: usize = 10_000;
/// How often somebody new may be taken for a stranger who was seen before.
const FALSE_ALARMS: f64 = 0.01;

/// The strangers of a process. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Strangers(Arc<Inner>);

struct Inner {
    life_us: i64,
    card: Card,
    known: Mutex<Vec<Stranger>>,
}

struct Stranger {
    id: String,
    mean: Embedding,
    seen: u32,
    cameras: BTreeSet<String>,
    first_us: i64,
    last_us: i64,
    ignored: bool,
}

/// A stranger who came by.
#[derive(Clone, Debug, PartialEq)]
pub struct Met {
    /// Random, in hexadecimal digits; means nothing outside this process.
    pub id: String,
    /// How often they were seen, this time included.
    pub seen: u32,
    /// Somebody said that they are of no interest.
    pub ignored: bool,
}

impl Strangers {
    /// Nobody yet. `card` is that of the embedding space; a stranger is forgotten so many microseconds after they were last
    /// seen.
    pub fn new(card: Card, life_us: i64) -> Self {
        Self(Arc::new(Inner { life_us, card, known: Mutex::default() }))
    }

    /// Somebody on no list was seen at `now_us` of the system's clock.
    pub(crate) fn meet(&self, face: &Embedding, camera: &str, now_us: i64) -> Result<Met, Error> {
        let mut known = self.living(now_us);
        let threshold = self.0.card.threshold(FALSE_ALARMS, known.len().max(1));
        let alike = |stranger: &Stranger| face.cosine(&stranger.mean);
        let nearest = known.iter_mut().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        if let Some(stranger) = nearest.filter(|nearest| alike(nearest) >= threshold) {
            let weight = stranger.seen as f32;
            let mean = &mut stranger.mean.vector;
            mean.iter_mut().zip(&face.vector).for_each(|(mean, value)| *mean = *mean * weight + value);
            normalise(mean);
            stranger.seen += 1;
            stranger.last_us = stranger.last_us.max(now_us);
            stranger.cameras.insert(camera.to_owned());
            return Ok(Met { id: stranger.id.clone(), seen: stranger.seen, ignored: stranger.ignored });
        }
        let mut id = [0; 6];
        getrandom::fill(&mut id).map_err(|error| Error::Refused(format!("draw an id: {error}")))?;
        let id = hex::encode(id);
        if known.len() == MOST {
            known.sort_by_key(|stranger| stranger.last_us);
            known.remove(0);
        }
        known.push(Stranger {
            id: id.clone(),
            mean: face.clone(),
            seen: 1,
            cameras: BTreeSet::from([camera.to_owned()]),
            first_us: now_us,
            last_us: now_us,
            ignored: false,
        });
        Ok(Met { id, seen: 1, ignored: false })
    }

    /// Those who were seen at least twice, most often first.
    pub(crate) fn list(&self, now_us: i64) -> Vec<v1::Stranger> {
        let known = self.living(now_us);
        let told = |stranger: &Stranger| v1::Stranger {
            id: stranger.id.clone(),
            seen: stranger.seen,
            cameras: stranger.cameras.iter().cloned().collect(),
            first_us: stranger.first_us,
            last_us: stranger.last_us,
            until_us: stranger.last_us + self.0.life_us,
            ignored: stranger.ignored,
        };
        let mut told: Vec<v1::Stranger> =
            known.iter().filter(|stranger| stranger.seen > 1).map(told).collect();
        told.sort_by_key(|stranger| std::cmp::Reverse(stranger.seen));
        told
    }

    /// They are of no interest: they are still told apart, and nothing is told of them.
    pub(crate) fn ignore(&self, id: &str, now_us: i64) -> Result<(), Error> {
        let mut known = self.living(now_us);
        let stranger = known.iter_mut().find(|stranger| stranger.id == id);
        stranger.ok_or_else(|| nobody(id))?.ignored = true;
        Ok(())
    }

    /// Takes a stranger out, to become somebody enrolled.
    pub(crate) fn take(&self, id: &str, now_us: i64) -> Result<Embedding, Error> {
        let mut known = self.living(now_us);
        let place = known.iter().position(|stranger| stranger.id == id).ok_or_else(|| nobody(id))?;
        Ok(known.swap_remove(place).mean)
    }

    /// Those who are remembered; the others are forgotten.
    fn living(&self, now_us: i64) -> MutexGuard<'_, Vec<Stranger>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|stranger| now_us < stranger.last_us + self.0.life_us);
        known
    }
}

fn nobody(id: &str) -> Error {
    Error::Refused(format!(
        "there is no stranger `{id}` here: they are forgotten, or another process saw them"
    ))
}

#[cfg(test)]
mod tests {
    use cortex_models::Manifest;

    use super::*;

    const MINUTE_US: i64 = 60_000_000;

    fn face(angle: f32) -> Embedding {
        let vector = vec![angle.cos(), angle.sin()];
        Embedding { space: "dlib-resnet-128".into(), vector, plain: Vec::new() }
    }

    #[test]
    fn a_stranger_who_comes_again_is_the_same_until_their_life_is_over() {
        let card = Manifest::shipped().card("dlib-resnet-128").unwrap().unwrap();
        let strangers = Strangers::new(card, 30 * MINUTE_US);
        let meet = |angle: f32, camera: &str, minute: i64| {
            strangers.meet(&face(angle), camera, minute * MINUTE_US).unwrap()
        };
        let first = meet(0.0, "hall", 0);
        assert_eq!(first.seen, 1);
        assert!(strangers.list(0).is_empty(), "who comes once is not told of");
        assert_ne!(meet(1.5, "hall", 1).id, first.id, "somebody else");
        let again = meet(0.05, "yard", 20);
        assert_eq!((&again.id, again.seen), (&first.id, 2));
        let told = strangers.list(20 * MINUTE_US);
        assert_eq!((told.len(), told[0].cameras.len(), told[0].until_us), (1, 2, 50 * MINUTE_US));
        strangers.ignore(&first.id, 21 * MINUTE_US).unwrap();
        assert!(meet(0.0, "hall", 22).ignored);
        // Forgotten after half an hour without being seen.
        assert_ne!(meet(0.0, "hall", 53).id, first.id);
        assert!(strangers.ignore(&first.id, 53 * MINUTE_US).is_err());
        let last = meet(0.0, "hall", 54);
        assert_eq!(strangers.take(&last.id, 54 * MINUTE_US).unwrap().space, "dlib-resnet-128");
        assert!(strangers.take(&last.id, 54 * MINUTE_US).is_err(), "taken once");
    }
}
