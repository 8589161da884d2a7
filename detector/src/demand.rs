//! Tells ingest whether something is followed, so that its pictures keep coming.

use cortex_proto::v1;

/// What was said last of one camera.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    tracked: bool,
    told_us: i64,
}

/// A demand lives ten seconds: it is said again well before.
const AGAIN_US: i64 = 3_000_000;

impl Demand {
    /// What is to be said at this stream time: every change at once, and while something is tracked again and again.
    pub(crate) fn say(&mut self, camera: &str, tracked: bool, now_us: i64) -> Option<v1::Demand> {
        let again = tracked && !(0..AGAIN_US).contains(&(now_us - self.told_us));
        if tracked == self.tracked && !again {
            return None;
        }
        *self = Self { tracked, told_us: now_us };
        Some(v1::Demand {
            camera: camera.to_owned(),
            asker: "detector".to_owned(),
            tracked,
            time_us: now_us,
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_at_once_and_a_track_again() {
        let mut demand = Demand::default();
        let mut say =
            |tracked, second: i64| demand.say("c", tracked, second * 1_000_000).map(|demand| demand.tracked);
        assert_eq!(say(false, 0), None, "nobody ever asked");
        assert_eq!((say(true, 1), say(true, 2), say(true, 4)), (Some(true), None, Some(true)));
        assert_eq!((say(false, 5), say(false, 60)), (Some(false), None));
    }
}
