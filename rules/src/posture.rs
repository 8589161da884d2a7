//! How a body is held, read from its joints.

use cortex_proto::v1;

/// How a body is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posture {
    /// The trunk is upright: stands, walks, sits.
    Upright,
    /// Trunk and legs are level.
    Lying,
    /// In between: bends over, crouches, crawls, or too little of the body is seen.
    Unclear,
}

/// Joints below this score are nowhere.
const SEEN: f32 = 0.3;
/// A trunk is upright up to this angle from the vertical, and level from that one on, in degrees.
const UPRIGHT: f64 = 35.0;
const LEVEL: f64 = 55.0;
/// Who bends over or kneels has a level trunk on steep legs; legs are level from this angle on, in degrees.
const LEGS: f64 = 40.0;
/// Where no leg is seen the box must be this many times as wide as high.
const WIDE: f64 = 1.1;

// COCO's order.
const HEAD: [usize; 3] = [0, 1, 2];
const SHOULDERS: [usize; 2] = [5, 6];
const WRISTS: [usize; 2] = [9, 10];
const HIPS: [usize; 2] = [11, 12];
const KNEES: [usize; 2] = [13, 14];
const ANKLES: [usize; 2] = [15, 16];

/// The joints of one body, in heights of the picture.
pub(super) struct Body {
    joints: Vec<Option<(f64, f64)>>,
    /// Width by height of the box.
    wide: f64,
}

impl Body {
    /// From an object; `None` when its joints were not computed. `aspect` is width by height of the picture.
    pub(super) fn of(object: &v1::Object, aspect: f64) -> Option<Self> {
        let pose = object.pose.as_ref().filter(|pose| pose.joints.len() == 17)?;
        let place = object.r#box.as_ref()?;
        let joint = |joint: &v1::Joint| {
            let at = joint.at.as_ref().filter(|_| joint.score >= SEEN)?;
            Some((f64::from(at.x) * aspect, f64::from(at.y)))
        };
        let (width, height) = (f64::from(place.x2 - place.x1) * aspect, f64::from(place.y2 - place.y1));
        Some(Self { joints: pose.joints.iter().map(joint).collect(), wide: width / height.max(1e-6) })
    }

    /// Angle of the trunk from the vertical, in degrees, 0 to 180; `None` when shoulders or hips are not seen.
    pub(super) fn tilt(&self) -> Option<f64> {
        Some(angle(self.middle(&HIPS)?, self.middle(&SHOULDERS)?))
    }

    /// How it is held.
    pub(super) fn posture(&self) -> Posture {
        let Some(tilt) = self.tilt() else { return Posture::Unclear };
        if tilt <= UPRIGHT {
            return Posture::Upright;
        }
        let level = match self.legs() {
            Some(legs) => (LEGS..=180.0 - LEGS).contains(&legs) || tilt > 180.0 - UPRIGHT,
            None => self.wide >= WIDE,
        };
        if tilt >= LEVEL && level { Posture::Lying } else { Posture::Unclear }
    }

    /// Whether both hands are raised above the head; `None` when hands or head are not seen.
    pub(super) fn hands_up(&self) -> Option<bool> {
        let [left, right] = WRISTS.map(|wrist| self.joints[wrist]);
        let top = HEAD.iter().filter_map(|joint| self.joints[*joint]).map(|(_, y)| y).reduce(f64::min);
        let (left, right, top) = (left?, right?, top?);
        Some(left.1 < top && right.1 < top && self.posture() != Posture::Lying)
    }

    /// Angle of the thighs, or of the legs where no knee is seen, from hanging down, in degrees.
    fn legs(&self) -> Option<f64> {
        let (hips, low) = (self.middle(&HIPS)?, self.middle(&KNEES).or_else(|| self.middle(&ANKLES))?);
        Some(angle(low, hips))
    }

    fn middle(&self, pair: &[usize]) -> Option<(f64, f64)> {
        let seen: Vec<(f64, f64)> = pair.iter().filter_map(|joint| self.joints[*joint]).collect();
        let count = seen.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| seen.iter().map(of).sum::<f64>() / count;
        (!seen.is_empty()).then(|| (sum(|(x, _)| *x), sum(|(_, y)| *y)))
    }
}

/// Angle of the way from one place to another against straight up, in degrees.
fn angle(from: (f64, f64), to: (f64, f64)) -> f64 {
    (to.0 - from.0).abs().atan2(from.1 - to.1).to_degrees()
}
