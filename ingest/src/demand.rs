//! What other stages ask of a camera: topic `demand`, of which the newest word counts.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use cortex_proto::{topics, v1};

/// The newest word of each asker; each is void after the topic's retention.
#[derive(Debug, Default)]
pub(crate) struct Demand(Mutex<HashMap<String, Asked>>);

#[derive(Debug)]
struct Asked {
    came: Instant,
    tracked: bool,
    viewer: bool,
    share: f32,
}

/// Askers of one camera that are remembered; more pages than that look at no camera.
const ASKERS: usize = 256;

impl Demand {
    pub(crate) fn hear(&self, demand: &v1::Demand, now: Instant) {
        let mut askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.retain(|_, asked| fresh(asked, now));
        if askers.len() < ASKERS || askers.contains_key(&demand.asker) {
            let share = if demand.share > 0.0 { demand.share.min(1.0) } else { 1.0 };
            let asked = Asked { came: now, tracked: demand.tracked, viewer: demand.viewer, share };
            askers.insert(demand.asker.clone(), asked);
        }
    }

    /// Something is followed in the picture.
    pub(crate) fn tracked(&self, now: Instant) -> bool {
        self.any(now, |asked| asked.tracked)
    }

    /// Somebody looks at the picture.
    pub(crate) fn viewed(&self, now: Instant) -> bool {
        self.any(now, |asked| asked.viewer)
    }

    /// Which share of the camera's pictures everybody can take, above 0 to 1.
    pub(crate) fn share(&self, now: Instant) -> f32 {
        let askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.values().filter(|asked| fresh(asked, now)).map(|asked| asked.share).fold(1.0, f32::min)
    }

    fn any(&self, now: Instant, wants: impl Fn(&Asked) -> bool) -> bool {
        let askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.values().any(|asked| wants(asked) && fresh(asked, now))
    }
}

fn fresh(asked: &Asked, now: Instant) -> bool {
    const LIFE: Duration = topics::DEMAND.retention;
    now.saturating_duration_since(asked.came) < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_counts_and_expires() {
        let (demand, start) = (Demand::default(), Instant::now());
        let say = |asker: &str, tracked, viewer, second| {
            let word = v1::Demand { asker: asker.into(), tracked, viewer, ..Default::default() };
            demand.hear(&word, start + Duration::from_secs(second));
        };
        let at = |second| start + Duration::from_secs(second);
        say("detector", true, false, 0);
        say("viewer/1", false, true, 4);
        assert!(demand.tracked(at(9)) && demand.viewed(at(13)));
        assert!(!demand.tracked(at(10)) && !demand.viewed(at(14)));
        say("detector", true, false, 20);
        say("detector", false, false, 21);
        assert!(!demand.tracked(at(21)), "taken back");
        let busy = v1::Demand { asker: "detector".into(), share: 0.25, ..Default::default() };
        demand.hear(&busy, at(30));
        assert_eq!((demand.share(at(39)), demand.share(at(40))), (0.25, 1.0));
    }
}
