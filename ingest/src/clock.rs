//! Stream time of a live camera: when its pictures were made, on this machine's clock.

/// A camera's clock is believed within this much of this machine's, and a picture that is later is not worth having.
const OFF_US: i64 = 2_000_000;

/// Late pictures are what a stalled camera pours out when it thaws, and soon over. Who is late for so long has no such
/// excuse: the two clocks ran apart.
const LATE_FOR_US: i64 = 2_000_000;

/// No camera pours out what is older, since a stall ends its connection: one of the clocks was set.
const FORGOTTEN_US: i64 = 20_000_000;

/// Stream time follows the camera's own clock by at most this part of the time that passes, so that it never stands.
const FOLLOW: i64 = 10;

/// When a picture was made, as its source tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp {
    /// Its time in the stream, in microseconds from any beginning.
    pub(crate) pts_us: i64,
    /// The same on the camera's own clock in Unix microseconds, when the camera tells it (RTCP sender reports).
    pub(crate) camera_us: Option<i64>,
}

impl Stamp {
    /// Of another picture of the same stream.
    pub(crate) fn at(self, pts_us: i64) -> Self {
        let camera_us = self.camera_us.map(|camera_us| camera_us.saturating_add(pts_us - self.pts_us));
        Self { pts_us, camera_us }
    }
}

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The picture was made then, in Unix microseconds.
    At(i64),
    /// It comes too late to be of use.
    Late,
    /// The clocks do not fit any more: a new epoch begins with this picture.
    Jump,
}

/// The clock of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// What makes stream time of a time in the stream.
    offset_us: Option<i64>,
    pts_us: i64,
    last_us: Option<i64>,
    late_since_us: Option<i64>,
    /// How far the camera's own clock is ahead of this machine's when it is too far to be believed.
    pub(crate) off_us: Option<i64>,
}

impl Clock {
    /// The latest answer; `None` before the first.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.last_us
    }

    /// Reads a stamp that came at `now_us`. Answers are monotone, never ahead of the clock, and at most
    /// [`OFF_US`] behind it.
    pub(crate) fn read(&mut self, stamp: Stamp, now_us: i64) -> Reading {
        let ahead = stamp.camera_us.map(|camera_us| camera_us.saturating_sub(now_us));
        self.off_us = ahead.filter(|ahead| ahead.saturating_abs() > OFF_US);
        let told = ahead.filter(|_| self.off_us.is_none()).map(|ahead| now_us + ahead.min(0) - stamp.pts_us);
        let offset_us = match (self.offset_us, told) {
            (None, told) => told.unwrap_or(now_us - stamp.pts_us),
            (Some(offset_us), Some(told)) => {
                let most = (stamp.pts_us - self.pts_us).max(0) / FOLLOW;
                offset_us + (told - offset_us).clamp(-most, most)
            }
            (Some(offset_us), None) => offset_us,
        };
        self.pts_us = stamp.pts_us;
        let late_us = now_us - (stamp.pts_us + offset_us);
        if !(-OFF_US..FORGOTTEN_US).contains(&late_us) {
            return Reading::Jump;
        }
        if late_us > OFF_US {
            let since_us = *self.late_since_us.get_or_insert(now_us);
            return if now_us - since_us > LATE_FOR_US { Reading::Jump } else { Reading::Late };
        }
        self.late_since_us = None;
        // No picture comes before it was made: the quickest one so far tells best what the clocks differ by.
        self.offset_us = Some(offset_us + late_us.min(0));
        let at_us = now_us - late_us.max(0);
        Reading::At(self.pass(at_us))
    }

    /// Another clock of the same camera answered this much: nothing earlier is answered any more.
    pub(crate) fn follow(&mut self, last_us: Option<i64>) {
        self.last_us = self.last_us.max(last_us);
    }

    /// Time passes without a picture. `None` when this machine's clock was set back: a new epoch must begin.
    pub(crate) fn idle(&mut self, now_us: i64) -> Option<i64> {
        let set_back = self.last_us.is_some_and(|last_us| last_us - now_us > OFF_US);
        (!set_back).then(|| self.pass(now_us))
    }

    /// Takes note of a time and makes it monotone.
    pub(crate) fn pass(&mut self, at_us: i64) -> i64 {
        let at_us = self.last_us.map_or(at_us, |last_us| at_us.max(last_us + 1));
        *self.last_us.insert(at_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn pts(pts_us: i64) -> Stamp {
        Stamp { pts_us, camera_us: None }
    }

    #[test]
    fn a_thaw_is_late_and_a_camera_that_stays_late_is_heard_again() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(pts(0), 100 * SECOND), Reading::At(100 * SECOND));
        // A second late is honest; five seconds of pictures poured out at once are not wanted.
        assert_eq!(clock.read(pts(SECOND), 102 * SECOND), Reading::At(101 * SECOND));
        for late in 2..4 {
            assert_eq!(clock.read(pts(late * SECOND), 107 * SECOND), Reading::Late);
        }
        assert_eq!(clock.read(pts(6 * SECOND), 107 * SECOND), Reading::At(106 * SECOND), "thawed");
        let late: Vec<Reading> =
            (0..5).map(|i| clock.read(pts((10 + i) * SECOND), (113 + i) * SECOND)).collect();
        assert_eq!(late[..3], [Reading::Late; 3]);
        assert_eq!(late[3], Reading::Jump, "not blind for ever");
    }

    #[test]
    fn a_clock_that_is_set_is_a_jump_at_once() {
        for set in [-3600, 3600, 3] {
            let mut clock = Clock::default();
            clock.read(pts(0), 5000 * SECOND);
            assert_eq!(clock.read(pts(40_000), (5000 - set) * SECOND), Reading::Jump, "{set}");
            let mut idle = Clock::default();
            idle.read(pts(0), 5000 * SECOND);
            assert_eq!(idle.idle((5000 - set) * SECOND).is_none(), set > 0, "{set}");
        }
    }

    #[test]
    fn the_cameras_own_clock_is_followed_when_it_can_be_believed() {
        let stamp = |seconds: i64, camera_us: i64| Stamp {
            pts_us: seconds * SECOND,
            camera_us: Some((100 + seconds) * SECOND + camera_us),
        };
        let now = |seconds: i64| (100 + seconds) * SECOND;
        let mut clock = Clock::default();
        assert_eq!(clock.read(stamp(0, -300_000), now(0)), Reading::At(now(0) - 300_000), "network delay");
        // Begun without reports, told later: it moves there by a tenth, and never stands.
        let mut clock = Clock::default();
        assert_eq!(clock.read(pts(0), now(0)), Reading::At(now(0)));
        assert_eq!(clock.read(stamp(1, -500_000), now(1)), Reading::At(now(1) - 100_000));
        let last = (2..9).map(|s| clock.read(stamp(s, -500_000), now(s))).last();
        assert_eq!(last, Some(Reading::At(now(8) - 500_000)));
        // A clock that nobody set: clamped to ours, and said.
        let mut clock = Clock::default();
        assert_eq!(clock.read(stamp(0, 3600 * SECOND), now(0)), Reading::At(now(0)));
        assert_eq!(clock.off_us, Some(3600 * SECOND));
        assert_eq!(clock.read(stamp(1, i64::MAX / 2), now(1)), Reading::At(now(1)));
    }
}
