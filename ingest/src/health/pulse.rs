//! What a camera's supervisor hears without looking: how many frames come, and what the camera's clock says.

use super::{
    Fault, News,
    debounce::{Debounce, Turn},
};

/// The pulse of one camera, felt once a second.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// When it was felt, and how many frames had come.
    felt: Option<(i64, u64)>,
    /// Frames a second, lately and usually; the latter once it is known.
    lately: f64,
    usual: f64,
    seconds: u32,
    slow: Debounce,
    clock: Debounce,
}

/// Frames come in bursts; the rate is that of about so many seconds.
const LATELY_S: f64 = 3.0;
/// Until the usual rate is known.
const LEARN_S: u32 = 10;
/// It follows within about so many seconds.
const FOLLOW_S: f64 = 120.0;
/// Below this share of the usual rate. A night mode that exposes longer may halve it.
const SLOW: f64 = 0.35;
const HOLD_US: i64 = 5_000_000;

impl Pulse {
    /// Feels it: frames since the start, and how far the camera's clock is ahead where it is too far. `None` for
    /// `frames` while the camera is away.
    pub(crate) fn feel(&mut self, frames: Option<u64>, clock_off_us: Option<i64>, now_us: i64) -> Vec<News> {
        let Some(frames) = frames else {
            self.felt = None;
            return Vec::new();
        };
        let Some((felt_us, before)) = self.felt.replace((now_us, frames)) else {
            self.lately = self.usual;
            return Vec::new();
        };
        let rate = frames.saturating_sub(before) as f64 * 1e6 / (now_us - felt_us).max(1) as f64;
        self.lately += (rate - self.lately) / LATELY_S;
        self.seconds = self.seconds.saturating_add(1);
        let threshold = SLOW * self.usual;
        let slow = self.seconds > LEARN_S && self.lately < threshold;
        let turn = self.slow.hear(slow, now_us, HOLD_US);
        if !self.slow.is_suspected() {
            self.usual += (rate - self.usual) / FOLLOW_S.min(f64::from(self.seconds));
        }
        let off_s = clock_off_us.unwrap_or(0) as f64 / 1e6;
        let clock = self.clock.hear(clock_off_us.is_some(), now_us, HOLD_US);
        let (lately, usual) = (self.lately, self.usual);
        let slow = turn.map(|turn| {
            news(Fault::Slow, turn, lately, threshold, || {
                format!("{lately:.1} pictures a second come, usual are {usual:.1}, fewer than {threshold:.1} are too few")
            })
        });
        let clock = clock.map(|turn| {
            news(Fault::Clock, turn, off_s, 2.0, || {
                let way = if off_s > 0.0 { "ahead of" } else { "behind" };
                format!("the camera's clock is {:.0} s {way} this machine's, more than 2 s; this machine's is taken", off_s.abs())
            })
        });
        slow.into_iter().chain(clock).collect()
    }
}

fn news(fault: Fault, turn: Turn, value: f64, threshold: f64, why: impl Fn() -> String) -> News {
    let (over, began_us) = match turn {
        Turn::Began(began_us) => (false, began_us),
        Turn::Ended(began_us) => (true, began_us),
    };
    let why = match (over, fault) {
        (false, _) => why(),
        (true, Fault::Clock) => "the camera's clock is right again".to_owned(),
        (true, _) => format!("pictures come as usual again, {value:.1} a second"),
    };
    News { fault, over, began_us, why, value: value as f32, threshold: threshold as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_becomes_slow_or_whose_clock_is_off_is_told_once() {
        let mut pulse = Pulse::default();
        let (mut frames, mut second) = (0, 0);
        let mut run = |seconds: i64, rate: u64, off_us: Option<i64>| {
            let mut all = Vec::new();
            for _ in 0..seconds {
                (frames, second) = (frames + rate, second + 1);
                all.extend(pulse.feel(Some(frames), off_us, second * 1_000_000));
            }
            all.into_iter().map(|news| (news.fault, news.over)).collect::<Vec<_>>()
        };
        assert_eq!(run(60, 25, None), []);
        assert_eq!(run(60, 12, None), [], "night mode");
        assert_eq!(run(10, 2, None), [(Fault::Slow, false)]);
        assert_eq!(run(20, 25, None), [(Fault::Slow, true)]);
        assert_eq!(run(3, 25, Some(9_000_000)), [], "a moment");
        assert_eq!(run(30, 25, Some(9_000_000)), [(Fault::Clock, false)]);
        assert_eq!(run(30, 25, None), [(Fault::Clock, true)]);
    }
}
