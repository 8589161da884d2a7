//! Tells ingest what is wanted of a camera: every picture while something is followed, and no more than can be analysed.

use cortex_proto::v1;

/// What was said last of one camera.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    said: Wanted,
    told_us: i64,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// Something is followed.
    pub(crate) tracked: bool,
    /// Share of the pictures, above 0 to 1.
    pub(crate) share: f32,
}

/// A demand lives ten seconds: it is said again well before.
const AGAIN_US: i64 = 3_000_000;

impl Default for Wanted {
    fn default() -> Self {
        Self { tracked: false, share: 1.0 }
    }
}

impl Demand {
    /// What is to be said at this stream time: every change at once, and what is out of the ordinary again and again.
    pub(crate) fn say(&mut self, camera: &str, wanted: Wanted, now_us: i64) -> Option<v1::Demand> {
        let again = wanted != Wanted::default() && !(0..AGAIN_US).contains(&(now_us - self.told_us));
        if wanted == self.said && !again {
            return None;
        }
        *self = Self { said: wanted, told_us: now_us };
        Some(v1::Demand {
            camera: camera.to_owned(),
            asker: "detector".to_owned(),
            tracked: wanted.tracked,
            share: wanted.share,
            time_us: now_us,
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_at_once_and_what_is_not_usual_again() {
        let mut demand = Demand::default();
        let mut say = |tracked, share, second: i64| {
            let said = demand.say("c", Wanted { tracked, share }, second * 1_000_000);
            said.map(|demand| (demand.tracked, demand.share))
        };
        assert_eq!(say(false, 1.0, 0), None, "nobody ever asked");
        let tracked = Some((true, 1.0));
        assert_eq!((say(true, 1.0, 1), say(true, 1.0, 2), say(true, 1.0, 4)), (tracked, None, tracked));
        assert_eq!((say(false, 1.0, 5), say(false, 1.0, 60)), (Some((false, 1.0)), None));
        let less = Some((false, 0.5));
        assert_eq!((say(false, 0.5, 61), say(false, 0.5, 62), say(false, 0.5, 64)), (less, None, less));
    }
}
