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
    /// Seconds from when it was last upright until it lay, and how long it had been upright; `None` when it never was.
    pub(super) fell: Option<(f64, f64)>,
}

/// Takes in a sight. `memory.numbers` are the sights that say so and all with joints since it began, and how it fell; the
/// mark is when the body was last upright, and since when.
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
    if span == Span::Began || memory.numbers.is_empty() {
        let before = memory.marks.first().filter(|_| span == Span::Began);
        let (took, stood) = before.map_or((-1.0, 0.0), |upright| {
            (sight.now.since(upright.at) as f32, upright.at.since(upright.began) as f32)
        });
        memory.numbers = vec![0.0, 0.0, took, stood];
    }
    if let (Some(posture), [lying, all, ..]) = (posture, memory.numbers.as_mut_slice()) {
        *lying += f32::from(u8::from(posture == Posture::Lying));
        *all += 1.0;
    }
    if posture == Some(Posture::Upright) {
        stood(memory, sight.now);
    }
    let certain = memory.numbers[0] >= SIGHTS && memory.numbers[0] >= SHARE * memory.numbers[1];
    let fell =
        (memory.numbers[2] >= 0.0).then(|| (f64::from(memory.numbers[2]), f64::from(memory.numbers[3])));
    Down { span, tilt: body.as_ref().and_then(Body::tilt), certain, fell }
}

/// Remembers that the body is upright, and since when without a break.
fn stood(memory: &mut Memory, now: Moment) {
    let began = match memory.marks.first() {
        Some(mark) if now.since(mark.at) <= BREAK_S => mark.began,
        _ => now,
    };
    memory.marks = vec![Mark { at: now, began, ..Mark::default() }];
}
