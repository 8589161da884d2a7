//! What is wrong with a camera's picture, told from the luma alone and against what is usual for this camera.
//!
//! Nothing is told before the camera is known for a while; a fault must hold for seconds, and be gone for seconds before
//! it is over. What is usual is not learnt while something is suspected.

mod debounce;
mod looped;
mod pulse;
mod sight;
mod view;

use std::collections::VecDeque;

use cortex_models::Picture;

use self::{
    debounce::{Debounce, Turn},
    looped::Looped,
    sight::Sight,
};
use crate::grid::Grid;

pub(crate) use self::pulse::Pulse;

/// What may be wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The same picture comes again and again, without the noise that this camera has.
    Frozen,
    /// The same pictures come again and again.
    Looped,
    /// There is nothing to be seen: it is dark, or something is before the lens.
    Covered,
    /// Most of the picture is white.
    Overexposed,
    /// The picture lost its detail.
    Defocused,
    /// It shows something else than it did.
    Moved,
    /// There is much more noise than usual.
    Noisy,
    /// Far fewer pictures come than usual.
    Slow,
    /// The camera's clock is off.
    Clock,
}

/// A fault that began or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Which.
    pub fault: Fault,
    /// It is over.
    pub over: bool,
    /// When the fault began, in the time of the pictures.
    pub began_us: i64,
    /// Why, as one sentence for an operator.
    pub why: String,
    /// What was measured, and the value that it was held against.
    pub value: f32,
    /// See `value`.
    pub threshold: f32,
}

/// The health of one camera's picture.
#[derive(Debug, Default)]
pub struct Health {
    usual: Option<Usual>,
    looped: Looped,
    /// Sights of the last seconds, for the noise between them.
    recent: VecDeque<(i64, Sight)>,
    faults: [Debounce; ALL.len()],
    looked_us: Option<i64>,
}

/// What a camera's picture usually is.
#[derive(Debug)]
struct Usual {
    view: Grid,
    since_us: i64,
    at_us: i64,
    spread: f32,
    sharp: f32,
    noise: f32,
    bright: f32,
}

const ALL: [Fault; 7] = [
    Fault::Frozen,
    Fault::Looped,
    Fault::Covered,
    Fault::Overexposed,
    Fault::Defocused,
    Fault::Moved,
    Fault::Noisy,
];

/// Pictures are measured this often at most.
const LOOK_US: i64 = 190_000;
/// Until a camera is known.
const LEARN_US: i64 = 8_000_000;
/// What is usual follows within this time.
const FOLLOW_US: f32 = 30e6;
/// A fault must hold so long; one that a passing lorry or an exposure that settles makes is shorter.
const HOLD_US: i64 = 6_000_000;
/// A fault that stayed so long is how this camera is now.
const ADOPT_US: i64 = 600_000_000;
/// Noise is what differs between pictures so far apart: pictures that an encoder skips are nearer.
const APART_US: i64 = 2_000_000;

/// Noise below this share of the usual is none, and there must be some.
const FROZEN: f32 = 0.2;
const SOME_NOISE: f32 = 0.1;
/// Deviation of the luma below this share of the usual, and below this many grey levels.
const COVERED: f32 = 0.25;
const PLAIN: f32 = 10.0;
/// Share of clipped cells.
const OVEREXPOSED: f32 = 0.5;
/// Detail below this share of the usual, at the contrast of before.
const DEFOCUSED: f32 = 0.5;
/// Share of the structured blocks that show something else.
const MOVED: f32 = 0.8;
/// Times the usual noise, and grey levels.
const NOISY: f32 = 4.0;
const MUCH_NOISE: f32 = 8.0;

impl Health {
    /// Takes a picture in, at its time in the stream. Answers what began or ended with it.
    pub fn look(&mut self, picture: &Picture, at_us: i64) -> Vec<News> {
        if self.looked_us.is_some_and(|looked_us| (0..LOOK_US).contains(&(at_us - looked_us))) {
            return Vec::new();
        }
        // Another stream, or a clock that was set: what is usual stays, what was recent is over.
        if self.looked_us.is_some_and(|looked_us| at_us < looked_us) {
            (self.recent, self.looped) = (VecDeque::new(), Looped::default());
            self.faults = [Debounce::default(); ALL.len()];
            self.usual = None;
        }
        self.looked_us = Some(at_us);
        let Some(sight) = Sight::of(picture) else { return Vec::new() };
        let noise = self.noise(&sight, at_us);
        let looped = self.looped.look(sight.hash, at_us);
        let mut news = Vec::new();
        if let Some(usual) = self.usual.as_mut().filter(|usual| at_us - usual.since_us >= LEARN_US) {
            let checks = usual.check(&sight, noise, looped);
            for ((fault, debounce), check) in ALL.into_iter().zip(&mut self.faults).zip(checks) {
                let turn = debounce.hear(check.holds, at_us, hold_us(fault));
                news.extend(turn.map(|turn| told(fault, turn, at_us, &check, usual, &sight)));
            }
        }
        let suspected = self.faults.iter().any(Debounce::is_suspected);
        let stale = self.usual.as_ref().is_some_and(|usual| suspected && at_us - usual.at_us > ADOPT_US);
        match &mut self.usual {
            Some(usual) if !stale => {
                if !suspected {
                    usual.learn(&sight, noise, at_us);
                }
            }
            usual => *usual = Some(Usual::begin(&sight, at_us)),
        }
        self.recent.push_back((at_us, sight));
        news
    }

    /// Which faults are told and not over.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        ALL.into_iter().zip(&self.faults).filter(|(_, debounce)| debounce.holds()).map(|(fault, _)| fault)
    }

    fn noise(&mut self, sight: &Sight, at_us: i64) -> Option<f32> {
        while self.recent.get(1).is_some_and(|(seen_us, _)| at_us - seen_us >= APART_US) {
            self.recent.pop_front();
        }
        let (seen_us, before) = self.recent.front()?;
        sight.noise(before).filter(|_| at_us - seen_us >= APART_US)
    }
}

/// Whether something is wrong, and by what.
#[derive(Clone, Copy, Debug)]
struct Check {
    holds: bool,
    value: f32,
    threshold: f32,
}

impl Check {
    fn below(value: f32, threshold: f32) -> Self {
        Self { holds: value < threshold, value, threshold }
    }

    fn above(value: f32, threshold: f32) -> Self {
        Self { holds: value > threshold, value, threshold }
    }

    fn and(self, also: bool) -> Self {
        Self { holds: self.holds && also, ..self }
    }
}

impl Usual {
    fn begin(sight: &Sight, at_us: i64) -> Self {
        Self {
            view: sight.grid.clone(),
            since_us: at_us,
            at_us,
            spread: sight.spread,
            sharp: sight.sharp,
            noise: 0.0,
            bright: sight.bright,
        }
    }

    fn learn(&mut self, sight: &Sight, noise: Option<f32>, at_us: i64) {
        let passed = (at_us - self.at_us).max(0) as f32;
        self.at_us = at_us;
        // What is known for a short time follows as fast.
        let known = ((at_us - self.since_us) as f32).clamp(1e6, FOLLOW_US);
        let share = (passed / known).min(1.0);
        let follow = |usual: &mut f32, seen: f32| *usual += (seen - *usual) * share;
        self.view.0.iter_mut().zip(&sight.grid.0).for_each(|(usual, seen)| follow(usual, *seen));
        follow(&mut self.spread, sight.spread);
        follow(&mut self.sharp, sight.sharp);
        follow(&mut self.bright, sight.bright);
        if let Some(noise) = noise {
            if self.noise == 0.0 { self.noise = noise } else { follow(&mut self.noise, noise) }
        }
    }

    fn check(&self, sight: &Sight, noise: Option<f32>, looped: Option<i64>) -> [Check; ALL.len()] {
        let loop_s = looped.map_or(0.0, |lag_us| lag_us as f32 / 1e6);
        let covered = Check::below(sight.spread, (COVERED * self.spread).min(PLAIN));
        let over = Check::above(sight.bright, OVEREXPOSED).and(self.bright < OVEREXPOSED / 2.0);
        let covered = covered.and(!over.holds);
        let blind = covered.holds || over.holds;
        // Detail grows with contrast, and so does what is lost when the light goes.
        let contrast = (sight.spread / self.spread.max(1.0)).min(1.0);
        let sharp =
            Check::below(sight.sharp, DEFOCUSED * self.sharp * contrast).and(!blind && contrast > 0.5);
        let other = view::other(&self.view, &sight.grid).unwrap_or(0.0);
        let noise = noise.unwrap_or(self.noise);
        [
            // A lens out of focus takes noise away as well.
            Check::below(noise, FROZEN * self.noise).and(self.noise >= SOME_NOISE && !blind && !sharp.holds),
            Check { holds: looped.is_some(), value: loop_s, threshold: 0.0 },
            covered,
            over,
            sharp,
            Check::above(other, MOVED).and(!blind),
            Check::above(noise, (NOISY * self.noise).max(MUCH_NOISE)).and(!blind && other < MOVED),
        ]
    }
}

/// A loop proves itself; everything else might pass.
fn hold_us(fault: Fault) -> i64 {
    if fault == Fault::Looped { 0 } else { HOLD_US }
}

fn told(fault: Fault, turn: Turn, at_us: i64, check: &Check, usual: &Usual, sight: &Sight) -> News {
    let (over, began_us) = match turn {
        Turn::Began(began_us) => (false, began_us),
        Turn::Ended(began_us) => (true, began_us),
    };
    let why = if over {
        format!(
            "the picture is as it was after {:.0} s of being {}",
            (at_us - began_us) as f64 / 1e6,
            fault.word()
        )
    } else {
        why(fault, check, usual, sight)
    };
    News { fault, over, began_us, why, value: check.value, threshold: check.threshold }
}

fn why(fault: Fault, check: &Check, usual: &Usual, sight: &Sight) -> String {
    let Check { value, threshold, .. } = *check;
    match fault {
        Fault::Slow | Fault::Clock => String::new(), // not of pictures
        Fault::Frozen => format!(
            "the picture stands still: its pixels differ by {value:.2} grey levels from those of two seconds before, \
             usual are {:.2}, less than {threshold:.2} is no live picture",
            usual.noise
        ),
        Fault::Looped => format!("the same pictures come again every {value:.1} s: this is a recording"),
        Fault::Covered => format!(
            "there is nothing to be seen: brightness varies by {value:.1} grey levels about {:.0}, usual are {:.1}, \
             less than {threshold:.1} is a dark or covered camera",
            sight.mean, usual.spread
        ),
        Fault::Overexposed => format!(
            "{:.0} % of the picture is white, more than {:.0} % is too much light",
            100.0 * value,
            100.0 * threshold
        ),
        Fault::Defocused => format!(
            "the picture lost its detail: neighbouring pixels differ by {value:.1} grey levels, usual are {:.1}, less \
             than {threshold:.1} is out of focus",
            usual.sharp
        ),
        Fault::Moved => match view::shift(&usual.view, &sight.grid) {
            Some((right, down)) => format!(
                "the camera was moved by {:.0} % of its view to the {} and {:.0} % {}",
                100.0 * right.abs(),
                if right < 0.0 { "left" } else { "right" },
                100.0 * down.abs(),
                if down < 0.0 { "up" } else { "down" }
            ),
            None => format!(
                "{:.0} % of the picture show something else than before: the camera was turned",
                100.0 * value
            ),
        },
        Fault::Noisy => format!(
            "there is much noise: pixels differ by {value:.1} grey levels from those of two seconds before, usual are \
             {:.1}, more than {threshold:.1} is a bad signal",
            usual.noise
        ),
    }
}

impl Fault {
    /// The word for it: the kind of its anomaly.
    pub fn word(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Looped => "looped",
            Self::Covered => "covered",
            Self::Overexposed => "overexposed",
            Self::Defocused => "defocused",
            Self::Moved => "moved",
            Self::Noisy => "noisy",
            Self::Slow => "slow",
            Self::Clock => "clock",
        }
    }
}

#[cfg(test)]
mod tests;
