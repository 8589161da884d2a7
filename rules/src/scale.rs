//! What distances are measured in: metres where the ground is calibrated, heights of people elsewhere.

use cortex_proto::v1;
use serde::{Deserialize, Serialize};

use super::{Point, ground::Homography};

/// How places in the picture become distances on the ground.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    ground: Option<Homography>,
    /// Width by height of the picture.
    aspect: f64,
    /// Height of a person, as a share of the picture's, by the row of the feet: `slope * y + base`.
    line: Option<(f64, f64)>,
}

/// Heights of people by the row of their feet, learned from upright people: the self-calibrated scale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Heights {
    /// By row of the picture: a running median of heights, as shares of the picture's, and how many it rests on.
    rows: [(f32, u16); ROWS],
}

const ROWS: usize = 16;
/// Observations before the heights are used.
const ENOUGH: u32 = 12;
/// Metres of a person's height where it is not known.
const PERSON_M: f64 = 1.7;
/// Focal length in picture heights where it is not known: an angle of 45 degrees from top to bottom.
pub(super) const FOCAL: f64 = 1.2;
/// Depth is at most this many times what it looks like: a camera that looks down by 20 degrees.
const STRETCH: f64 = 3.0;

impl Heights {
    /// Takes in one upright person; the boxes' heights are shares of the picture's.
    pub(super) fn observe(&mut self, foot: Point, height: f32) {
        let row = ((foot.y * ROWS as f32) as usize).min(ROWS - 1);
        let (median, count) = &mut self.rows[row];
        // The running median steps towards each observation, ever more carefully.
        *median = match *count {
            0 => height,
            n => *median + (height - *median).clamp(-0.3, 0.3) / f32::from(n.min(20) + 1),
        };
        *count = count.saturating_add(1);
    }

    /// Slope and base of the height by row; `None` before enough was seen.
    pub(super) fn line(&self) -> Option<(f64, f64)> {
        let rows = self.rows.iter().enumerate().filter(|(_, (_, count))| *count >= 3);
        let (mut n, mut sums) = (0_u32, [0.0_f64; 5]);
        for (row, (height, count)) in rows {
            let (y, h, w) = ((row as f64 + 0.5) / ROWS as f64, f64::from(*height), f64::from(*count).sqrt());
            n += u32::from(*count);
            for (sum, value) in sums.iter_mut().zip([w, w * y, w * h, w * y * y, w * y * h]) {
                *sum += value;
            }
        }
        if n < ENOUGH {
            return None;
        }
        let [w, y, h, yy, yh] = sums;
        let spread = yy / w - (y / w).powi(2);
        // One row alone says nothing of a slope, and nobody is larger who is farther away.
        let slope = if spread < 1e-3 { 0.0 } else { ((yh / w - y * h / (w * w)) / spread).max(0.0) };
        Some((slope, h / w - slope * y / w))
    }
}

impl Scale {
    /// From what is known of a camera and of the people seen there. `aspect` is width by height of its picture.
    ///
    /// # Errors
    /// Why the ground cannot be used.
    pub(super) fn new(ground: Option<&v1::Ground>, aspect: f64) -> Result<Self, String> {
        let ground = ground.map(|ground| Homography::of(ground, aspect)).transpose()?;
        Ok(Self { ground, aspect, line: None })
    }

    pub(super) fn learn(&mut self, line: Option<(f64, f64)>) {
        self.line = line;
    }

    /// Width by height of the picture.
    pub(super) fn aspect(&self) -> f32 {
        self.aspect as f32
    }

    /// Whether an object is a person who stands upright, all of whom is to be seen.
    pub(super) fn upright(&self, object: &v1::Object) -> bool {
        let Some(place) = object.r#box.as_ref().filter(|_| object.class == "person" && object.score >= 0.5)
        else {
            return false;
        };
        let (width, height) = (place.x2 - place.x1, place.y2 - place.y1);
        let whole = place.x1 > 0.01 && place.y1 > 0.01 && place.x2 < 0.99 && place.y2 < 0.99;
        let slim = f64::from(height) / (f64::from(width) * self.aspect).max(1e-6);
        whole && object.state() == v1::ObjectState::Detected && (1.8..4.5).contains(&slim)
    }

    /// `metres` or `heights`, as in [`v1::Anomaly::scale`].
    pub fn name(&self) -> &'static str {
        if self.ground.is_some() { "metres" } else { "heights" }
    }

    /// What a metre is in this scale. Without calibration a person is taken for 1.7 m.
    pub fn metre(&self) -> f64 {
        if self.ground.is_some() { 1.0 } else { 1.0 / PERSON_M }
    }

    /// What a person's height is in this scale.
    pub fn height(&self) -> f64 {
        if self.ground.is_some() { PERSON_M } else { 1.0 }
    }

    /// The one name for metres, the other for heights.
    pub fn either(&self, metres: &'static str, heights: &'static str) -> &'static str {
        if self.ground.is_some() { metres } else { heights }
    }

    /// Way from one place on the ground to another, in metres or heights: to the right and downwards in the picture.
    /// `own` is the height of the subject's box, a share of the picture's, which counts until people's heights are
    /// learned. `None` where there is no ground.
    pub fn between(&self, from: Point, to: Point, own: f32) -> Option<(f64, f64)> {
        if let Some(ground) = &self.ground {
            let (a, b) = (ground.place(from)?, ground.place(to)?);
            return Some(ground.seen(b.0 - a.0, b.1 - a.1));
        }
        let (dx, dy) = (f64::from(to.x - from.x) * self.aspect, f64::from(to.y - from.y));
        let middle = f64::from(from.y + to.y) / 2.0;
        let (height, slope) =
            self.line.map_or_else(|| (f64::from(own), 0.0), |(slope, base)| (slope * middle + base, slope));
        let height = height.max(0.01);
        // A step away from the camera looks shorter than one across. How much follows from how fast people shrink.
        let stretch = (FOCAL * slope / height).clamp(1.0, STRETCH);
        Some((dx / height, dy / height * stretch))
    }

    /// Area of a polygon on the ground, in square metres or square heights; `None` where there is no ground.
    pub fn area(&self, polygon: &[Point], own: f32) -> Option<f64> {
        let middle = Point {
            x: polygon.iter().map(|point| point.x).sum::<f32>() / polygon.len() as f32,
            y: polygon.iter().map(|point| point.y).sum::<f32>() / polygon.len() as f32,
        };
        let mut twice = 0.0;
        for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
            let ((ax, ay), (bx, by)) = (self.between(middle, *a, own)?, self.between(middle, *b, own)?);
            twice += ax * by - bx * ay;
        }
        Some((twice / 2.0).abs())
    }
}
