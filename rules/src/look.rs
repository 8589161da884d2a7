//! What a rule answers when it looks: what it measured, and whether it fires or what stopped it.

use cortex_proto::v1;

use super::Moment;

/// The answer to one look at one subject.
pub struct Look {
    /// What was measured, against what; `None` when there was nothing to measure.
    pub gauge: Option<Gauge>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a look.
pub enum Verdict {
    /// The condition is not met, or must not be told.
    Stopped(Stop),
    /// The condition is met.
    Fires(Finding),
}

/// One measured value and its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// What, with its unit as the suffix, as in [`v1::Measure::name`].
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// The threshold; 0 when the value is a distance that must vanish.
    pub threshold: f64,
}

/// What keeps a rule from firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The object's class is none that the rule looks at.
    Class,
    /// The object is lower than the rule's least height.
    TooSmall,
    /// The rule's schedule is not in force.
    Schedule,
    /// Outside the rule's zone, or not near its line.
    Outside,
    /// It was there before the rule, the zone or the camera's connection.
    Present,
    /// Interrupted, for no longer than the gap window: the condition waits.
    Gap,
    /// It goes another way than the rule asks for.
    Direction,
    /// The value has not reached its threshold.
    NotEnough,
    /// The same subject fired this rule within its cool-down.
    CoolDown,
    /// It was told, and the condition has held ever since.
    Told,
    /// The rule is silent: only combined rules hear of it.
    Silent,
    /// On the line itself: on neither side yet.
    OnLine,
    /// It is inside, and must leave first.
    Inside,
    /// It vanished, and nobody saw what became of it.
    Unseen,
    /// It stands where the rule asks for pacing, or the other way round.
    Motion,
    /// Nobody else was there.
    Alone,
    /// The zone reaches behind the horizon of the calibrated ground.
    NoGround,
    /// A cue that the rule reads was not computed in this frame.
    NoCue,
}

/// What a rule found.
#[derive(Debug, Default)]
pub struct Finding {
    /// Why, without the subject: `stayed in zone gate for 21 s, 20 s are allowed`.
    pub why: String,
    /// What was measured, against what.
    pub measures: Vec<v1::Measure>,
    /// `left`, `right` or empty.
    pub direction: &'static str,
    /// The frame in which the condition began; it is part of the anomaly's id.
    pub began: Moment,
    /// The condition goes on: it is told once until [`super::Memory::hold`] sees it end. Else it is an event of this
    /// frame alone.
    pub lasting: bool,
    /// Speeds or distances were measured, so the anomaly names their scale.
    pub scaled: bool,
    /// Where, when that is not the subject's own box.
    pub place: Option<v1::Box>,
}

impl Look {
    /// Nothing was there to be looked at.
    pub const IDLE: Self = Self::stopped(Stop::Outside);

    /// Stopped, with nothing measured.
    pub const fn stopped(stop: Stop) -> Self {
        Self { gauge: None, verdict: Verdict::Stopped(stop) }
    }

    /// Stopped at this value.
    pub fn short(gauge: Gauge, stop: Stop) -> Self {
        Self { gauge: Some(gauge), verdict: Verdict::Stopped(stop) }
    }

    /// Fires; the finding's first measure is the gauge's.
    pub fn fires(gauge: Gauge, mut finding: Finding) -> Self {
        finding.measures.insert(0, measure(gauge.name, gauge.value, gauge.threshold));
        Self { gauge: Some(gauge), verdict: Verdict::Fires(finding) }
    }
}

impl Gauge {
    /// A value and its threshold.
    pub fn new(name: &'static str, value: f64, threshold: f64) -> Self {
        Self { name, value, threshold }
    }

    /// How near the value came: 0 for far away, 1 and more for reached.
    pub fn near(&self) -> f64 {
        if self.threshold > 0.0 {
            (self.value / self.threshold).max(0.0)
        } else {
            1.0 / (1.0 + self.value.abs())
        }
    }
}

impl Stop {
    /// As operators read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::TooSmall => "too small",
            Self::Schedule => "schedule",
            Self::Outside => "outside the zone",
            Self::Present => "there before",
            Self::Gap => "gap",
            Self::Direction => "direction",
            Self::NotEnough => "not enough",
            Self::CoolDown => "cool-down",
            Self::Told => "already told",
            Self::Silent => "silent",
            Self::OnLine => "on the line",
            Self::Inside => "still inside",
            Self::Unseen => "vanished inside",
            Self::Motion => "motion",
            Self::Alone => "alone",
            Self::NoGround => "no ground there",
            Self::NoCue => "cue not computed",
        }
    }
}

/// A measure as messages carry it.
pub fn measure(name: &str, value: f64, threshold: f64) -> v1::Measure {
    v1::Measure { name: name.to_owned(), value, threshold }
}
