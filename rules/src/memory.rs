//! What a rule remembers of one subject, and the one way in which a condition holds over gaps.

use serde::{Deserialize, Serialize};

use super::Stop;

/// A frame and its stream time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Epoch of the frame.
    pub epoch: u64,
    /// Number of the frame in its epoch.
    pub seq: u64,
    /// Stream time in microseconds.
    pub time_us: i64,
}

/// What a rule remembers of one subject: a track, a change of the scene, or the scene as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Since when the condition holds.
    pub since: Option<Moment>,
    /// When the condition last held; means nothing unless it ever did.
    pub held: Moment,
    /// The first sight since then in which it did not: what nobody saw is no interruption.
    pub missed: Option<Moment>,
    /// It was told, and the condition has held ever since.
    pub told: bool,
    /// Combined rules have heard of it, and the condition has held ever since.
    pub noted: bool,
    /// The rule has seen this subject before.
    pub known: bool,
    /// When it was last told.
    pub fired: Option<Moment>,
    /// The kind's own numbers.
    pub numbers: Vec<f32>,
    /// What happened lately, oldest first; the kind bounds it.
    pub marks: Vec<Mark>,
}

/// Something that happened, kept for later looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    /// Whom or what it is about.
    pub subject: u64,
    /// The kind's own second key: another subject, or the place in a list.
    pub other: u64,
    /// When.
    pub at: Moment,
    /// When what happened had begun.
    pub began: Moment,
}

/// Whether a condition holds in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// Within the margin between the two: what holds goes on, what does not does not begin.
    Nearly,
    /// It does not.
    No,
}

/// How a condition stands after a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span {
    /// It does not hold and did not before.
    Idle,
    /// It began with this frame.
    Began,
    /// It has held for so many seconds.
    Holds(f64),
    /// It is interrupted, for no longer than the gap window; until then it had held for so many seconds.
    Gap(f64),
    /// It had held for so many seconds, from the one moment to the other, and is over.
    Ended(f64, Moment, Moment),
}

impl Moment {
    /// Seconds from `earlier` to this moment.
    pub fn since(self, earlier: Self) -> f64 {
        (self.time_us - earlier.time_us) as f64 / 1e6
    }
}

impl Holds {
    /// Yes or no.
    pub fn is(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Yes from the threshold on, nearly from nine tenths of it.
    pub fn above(value: f64, threshold: f64) -> Self {
        if value >= threshold {
            Self::Yes
        } else if value >= 0.9 * threshold {
            Self::Nearly
        } else {
            Self::No
        }
    }
}

impl Span {
    /// Seconds for which the condition has held, this frame included; `None` when it does not hold now.
    pub fn firm(self) -> Option<f64> {
        match self {
            Self::Began => Some(0.0),
            Self::Holds(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// What stops a condition that does not hold now.
    pub fn stop(self) -> Stop {
        if matches!(self, Self::Gap(_)) { Stop::Gap } else { Stop::NotEnough }
    }
}

impl Memory {
    /// Takes in whether the condition holds now. Interruptions of up to `gap_s` seconds count as holding on. Without a
    /// gap window one frame in which it does not hold ends it, one late frame does not.
    pub fn hold(&mut self, now: Moment, holds: Holds, gap_s: f64) -> Span {
        let Some(since) = self.since else {
            if holds != Holds::Yes {
                return Span::Idle;
            }
            self.begin(now);
            return Span::Began;
        };
        let interrupted = if gap_s > 0.0 {
            now.since(self.missed.unwrap_or(self.held)) > gap_s
        } else {
            holds == Holds::No
        };
        if interrupted {
            let ended = Span::Ended(self.held.since(since), since, self.held);
            (self.since, self.missed, self.told, self.noted) = (None, None, false, false);
            if holds == Holds::Yes {
                self.begin(now);
                return Span::Began;
            }
            return ended;
        }
        if holds == Holds::No {
            self.missed.get_or_insert(now);
            return Span::Gap(self.held.since(since));
        }
        (self.held, self.missed) = (now, None);
        Span::Holds(now.since(since))
    }

    fn begin(&mut self, now: Moment) {
        (self.since, self.held, self.missed, self.told, self.noted) = (Some(now), now, None, false, false);
    }

    /// As [`Memory::hold`] when the subject is not to be seen: nothing is known but that time passes.
    pub fn wait(&mut self, now: Moment, gap_s: f64) -> Span {
        match self.since {
            Some(since) if now.since(self.missed.unwrap_or(self.held)) <= gap_s => {
                Span::Gap(self.held.since(since))
            }
            Some(_) => self.hold(now, Holds::No, gap_s),
            None => Span::Idle,
        }
    }
}
