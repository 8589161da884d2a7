//! What a rule gets to see: one subject, or the frame as a whole.

use cortex_proto::v1;

use super::{Moment, Point, Scale, Subject, Travel};

/// One sight of one track, in the frame that is looked at.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// What the frame says of it, pose included where it was computed.
    pub object: &'a v1::Object,
    /// What is known of it from before; the same one whatever ids the tracker gave it.
    pub subject: &'a Subject,
    /// Id of the subject: that of its first track.
    pub id: u64,
    /// Foot point: the middle of the box's lower edge, normalised.
    pub foot: Point,
    /// Foot point in the sight before this one, and when that was; `None` for the first sight.
    pub before: Option<(Point, Moment)>,
    /// Height of its box, as a share of the picture's.
    pub height: f32,
    /// The frame.
    pub now: Moment,
    /// What distances are measured in.
    pub scale: &'a Scale,
    /// It was there before the rule, the zone or the camera's connection: what is inside has not entered.
    pub present: bool,
}

/// One frame.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The sights that the rule's classes and least height let through.
    pub sights: &'a [Sight<'a>],
    /// All sights.
    pub all: &'a [Sight<'a>],
    /// The message itself.
    pub seen: &'a v1::Detections,
    /// The frame.
    pub now: Moment,
    /// What distances are measured in.
    pub scale: &'a Scale,
}

impl Sight<'_> {
    /// Nearer to an edge or a line than this, a jittering foot point is on neither side; normalised.
    pub fn margin(&self) -> f32 {
        (0.05 * self.height).clamp(0.003, 0.02)
    }

    /// How it moved over the last `window_s` seconds; `None` while it has not been seen for at least half of that.
    pub fn travel(&self, window_s: f64) -> Option<Travel> {
        self.subject.travel(self.now, window_s, self.scale)
    }
}
