//! How long somebody lies: for `lying` and `fall`.

use super::{Body, Holds, Mark, Memory, Moment, Posture, Sight, Span};

/// Joints are computed at a rate of their own and not for every sight: a break of so many seconds ends nothing.
pub(super) const BREAK_S: f64 = 1.5;
/// Sights that say so, at least, whatever the time: one sight of joints may be a mistake.
const SIGHTS: f32 = 3.0;
/// Share of the sights with joints that must say so.
const SHARE: f32 = 0.6;

/// What is known of a body in this frame.
pub(super) struct Down {
    /// How long it has been lying, interruptions included.
    pub(super) span: Span,
    /// Angle of the trunk from the vertical, in degrees; `None` without joints in this frame.
    pub(super) tilt: Option<f64>,
    /// Enough sights agree.
    pub(super) certain: bool,
}

/// Takes in a sight. In `memory.numbers` are counted the sights that say `lying` and all with joints, since it began; in
/// the mark is kept when the body was last upright, and since when.
pub(super) fn look(sight: &Sight<'_>, memory: &mut Memory, gap_s: f64) -> Down {
    let gap_s = gap_s.max(BREAK_S);
    let body = Body::of(sight.object, f64::from(sight.scale.aspect()));
    let posture = body.as_ref().map(Body::posture);
    let span = match posture {
        Some(Posture::Lying) => memory.hold(sight.now, Holds::Yes, gap_s),
        Some(Posture::Upright) => memory.hold(sight.now, Holds::No, gap_s),
        // Nothing is known but that time passes.
        Some(Posture::Unclear) | None => memory.wait(sight.now, gap_s),
    };
    if memory.numbers.len() != 2 || span == Span::Began {
        memory.numbers = vec![0.0; 2];
    }
    if let (Some(posture), [lying, all]) = (posture, memory.numbers.as_mut_slice()) {
        *lying += f32::from(u8::from(posture == Posture::Lying));
        *all += 1.0;
    }
    if posture == Some(Posture::Upright) && memory.since.is_none() {
        stood(memory, sight.now);
    }
    let certain = memory.numbers[0] >= SIGHTS && memory.numbers[0] >= SHARE * memory.numbers[1];
    Down { span, tilt: body.as_ref().and_then(Body::tilt), certain }
}

/// Remembers that the body is upright, and since when without a break.
fn stood(memory: &mut Memory, now: Moment) {
    let began = match memory.marks.first() {
        Some(mark) if now.since(mark.at) <= BREAK_S => mark.began,
        _ => now,
    };
    memory.marks = vec![Mark { at: now, began, ..Mark::default() }];
}
