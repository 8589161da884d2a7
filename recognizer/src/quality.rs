//! Whether a face is fit to be enrolled, in plain words.
//!
//! What a picture may suffer was tried on seven portraits (of three people, faces 84 to 435 pixels wide): the thresholds
//! of blur, light and contrast lie where a picture made worse is at a cosine of about .95 to itself, which is where
//! another picture of the same person is. Ordinary pictures are far from them: on 28 faces of everyday group pictures
//! sharpness was .11 and more, brightness 61 to 188, contrast 26 and more.

use std::fmt;

use cortex_models::{DLIB_150, Face, Picture, Similarity, chip, quality_of_pose};

/// What is wrong with a picture of a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    /// The detector is not sure that it is a face.
    Unclear,
    /// Fewer pixels wide than are needed; how many.
    Narrow(f32),
    /// Details are lost.
    Blurred,
    /// Turned to a side.
    TurnedAway,
    /// Looks upwards.
    Raised,
    /// Looks downwards.
    Lowered,
    /// Leans to a shoulder, or the picture lies on its side; by so many degrees.
    Tilted(f32),
    /// Too little light.
    Dark,
    /// Too much light.
    Bright,
    /// Fog, or a faded picture.
    Flat,
    /// Part of the face is beyond the picture's edge.
    CutOff,
}

/// Score of the detector above which a face is one.
pub(crate) const SCORE: f32 = 0.5;
/// Faces narrower than this are not enrolled, in pixels: twice the gate for recognition.
const WIDE: f32 = 60.0;
/// Pose ([`quality_of_pose`]) below which a face is turned: the nose is a quarter of the eyes' distance from the middle.
const FRONTAL: f32 = 0.45;
/// Where the nose is between eyes (0) and mouth (1): .53 in dlib's mean shape, .43 to .64 on everyday pictures.
const UPRIGHT: (f32, f32) = (0.35, 0.75);
/// Degrees that a face may lean: alignment takes them back, but faces that lean further are found badly.
const LEANS: f32 = 45.0;
/// Variance of the Laplacian by that of the brightness, on a face of [`SIDE`] pixels. A blur of 3 % of the face's width
/// brings any to .013 to .027, a face of 13 pixels made larger has .014 to .035; a blur of 2 % leaves .043 to .091.
const SHARP: f32 = 0.04;
/// Brightness, 0..255, below which eight bits have too few steps, and above which most are at their end. The lower one is
/// far below what dark skin has in ordinary light (61 and more).
const LIGHT: (f32, f32) = (20.0, 240.0);
/// Standard deviation of the brightness.
const CONTRAST: f32 = 5.0;
/// Share of the face that may lie beyond the edge.
const BEYOND: f32 = 0.15;
/// A second face narrower than this share of the first, and apart from it, is somebody in the background.
const BACKGROUND: f32 = 1.0 / 3.0;

/// Side of the chip that sharpness and light are judged on, in pixels: half of the network's, so that the narrowest face
/// is not made larger.
const SIDE: usize = 75;
/// The part of the chip that is face from brow to chin: left, top, right, bottom, in shares of its side.
const INNER: [f32; 4] = [0.18, 0.1, 0.82, 0.9];

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclear => f.write_str("no clear face is seen"),
            Self::Narrow(width) => write!(f, "the face is {width:.0} pixels wide, {WIDE:.0} are needed"),
            Self::Blurred => f.write_str("the face is blurred: a sharp one is needed"),
            Self::TurnedAway => f.write_str("the face is turned away: a frontal one is needed"),
            Self::Raised => f.write_str("the face looks up: one that looks ahead is needed"),
            Self::Lowered => f.write_str("the face looks down: one that looks ahead is needed"),
            Self::Tilted(degrees) => {
                write!(f, "the face leans by {degrees:.0} degrees: turn the picture upright")
            }
            Self::Dark => f.write_str("the face is too dark"),
            Self::Bright => f.write_str("the face is too bright"),
            Self::Flat => f.write_str("the face has too little contrast"),
            Self::CutOff => f.write_str("the face is cut off at the picture's edge"),
        }
    }
}

/// Everything that is wrong with a face, nothing when it is fit to be enrolled. Pixels of the picture.
pub(crate) fn flaws(picture: &Picture, face: &Face) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if face.score <= SCORE {
        flaws.push(Flaw::Unclear);
    }
    let width = face.rect.width();
    if width < WIDE {
        flaws.push(Flaw::Narrow(width));
    }
    flaws.extend(pose(&face.landmarks));
    if beyond(picture, &face.landmarks) >= BEYOND {
        flaws.push(Flaw::CutOff);
    }
    if let Some(light) = Light::of(picture, &face.landmarks) {
        let (dark, bright) = LIGHT;
        // What has no light or no contrast has no details either, and a small face none that were lost.
        if light.mean < dark {
            flaws.push(Flaw::Dark);
        } else if light.mean > bright {
            flaws.push(Flaw::Bright);
        } else if light.deviation < CONTRAST {
            flaws.push(Flaw::Flat);
        } else if light.sharpness < SHARP && width >= WIDE {
            flaws.push(Flaw::Blurred);
        }
    }
    flaws
}

/// How many faces besides the first one, the largest, are somebody who may be meant; others are in the background.
pub(crate) fn rivals(faces: &[Face]) -> usize {
    let Some((first, others)) = faces.split_first() else { return 0 };
    let behind = |other: &&Face| {
        other.rect.width() < BACKGROUND * first.rect.width() && other.rect.iou(&first.rect) <= 0.0
    };
    others.len() - others.iter().filter(behind).count()
}

fn pose(landmarks: &[[f32; 2]; 5]) -> Option<Flaw> {
    let [left, right, nose, mouth_left, mouth_right] = *landmarks;
    let (ex, ey) = (right[0] - left[0], right[1] - left[1]);
    let lean = ey.atan2(ex).to_degrees();
    if lean.abs() > LEANS {
        return Some(Flaw::Tilted(lean.abs()));
    }
    if quality_of_pose(landmarks) < FRONTAL {
        return Some(Flaw::TurnedAway);
    }
    // Downwards along the face: across the line of the eyes.
    let down = |point: [f32; 2]| point[1] * ex - point[0] * ey;
    let middle = |a: [f32; 2], b: [f32; 2]| (down(a) + down(b)) / 2.0;
    let (eyes, mouth) = (middle(left, right), middle(mouth_left, mouth_right));
    let place = (down(nose) - eyes) / (mouth - eyes);
    if place < UPRIGHT.0 {
        Some(Flaw::Raised)
    } else if place > UPRIGHT.1 {
        Some(Flaw::Lowered)
    } else {
        None
    }
}

/// Share of the face that lies beyond the picture's edge.
fn beyond(picture: &Picture, landmarks: &[[f32; 2]; 5]) -> f32 {
    const STEPS: usize = 20;
    let Some(fit) = Similarity::fit(landmarks, &DLIB_150) else { return 0.0 };
    let [left, top, right, bottom] = INNER.map(|share| f64::from(share) * 150.0);
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let outside = |step: usize| {
        let share = |step: usize| (step as f64 + 0.5) / STEPS as f64;
        let (across, down) = (share(step % STEPS), share(step / STEPS));
        let (x, y) = fit.inverse(left + across * (right - left), top + down * (bottom - top));
        x < 0.0 || y < 0.0 || x >= width || y >= height
    };
    (0..STEPS * STEPS).filter(|step| outside(*step)).count() as f32 / (STEPS * STEPS) as f32
}

/// Brightness of a face, 0..255.
struct Light {
    mean: f32,
    deviation: f32,
    /// Variance of the Laplacian by that of the brightness.
    sharpness: f32,
}

impl Light {
    /// `None` when the landmarks make no face.
    fn of(picture: &Picture, landmarks: &[[f32; 2]; 5]) -> Option<Self> {
        let template = DLIB_150.map(|point| point.map(|place| place * SIDE as f32 / 150.0));
        let chip = chip(picture, landmarks, &template, SIDE)?;
        let (red, rest) = chip.data.split_at(SIDE * SIDE);
        let (green, blue) = rest.split_at(SIDE * SIDE);
        // Luma of ITU-R BT.601.
        let luma = |at: usize| 0.299 * red[at] + 0.587 * green[at] + 0.114 * blue[at];
        let luma: Vec<f32> = (0..SIDE * SIDE).map(luma).collect();
        let [left, top, right, bottom] = INNER.map(|share| (share * SIDE as f32) as usize);
        let inner = || (top..bottom).flat_map(move |y| (left..right).map(move |x| y * SIDE + x));
        let laplacian =
            |at: usize| luma[at - 1] + luma[at + 1] + luma[at - SIDE] + luma[at + SIDE] - 4.0 * luma[at];
        let (mean, variance) = moments(inner().map(|at| luma[at]));
        let (_, details) = moments(inner().map(laplacian));
        Some(Self { mean, deviation: variance.sqrt(), sharpness: details / variance.max(f32::EPSILON) })
    }
}

/// Mean and variance.
fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let count = values.clone().count().max(1) as f32;
    let mean = values.clone().sum::<f32>() / count;
    (mean, values.map(|value| (value - mean).powi(2)).sum::<f32>() / count)
}

#[cfg(test)]
mod tests {
    use cortex_models::Rect;

    use super::*;

    const SIZE: usize = 300;

    /// A picture of grey pixels.
    fn grey(value: impl Fn(usize, usize) -> f32) -> Picture {
        let pixel = |at: usize| [value(at % SIZE, at / SIZE).clamp(0.0, 255.0) as u8; 3];
        Picture::rgb(SIZE, SIZE, (0..SIZE * SIZE).flat_map(pixel).collect::<Vec<_>>()).unwrap()
    }

    /// Waves of a face's size with fine ones on them, from -1 to 1.
    fn skin(x: usize, y: usize) -> f32 {
        let wave = |length: f32| (x as f32 / length).sin() * (y as f32 / length).cos();
        0.7 * wave(20.0) + 0.3 * wave(1.5)
    }

    fn good() -> Picture {
        grey(|x, y| 128.0 + 90.0 * skin(x, y))
    }

    /// A face as wide as the network's chip, with its upper left corner there.
    fn face(left: f32, top: f32) -> Face {
        let landmarks = DLIB_150.map(|[x, y]| [x + left, y + top]);
        Face { rect: Rect::new(left + 20.0, top + 15.0, left + 130.0, top + 145.0), score: 0.9, landmarks }
    }

    #[test]
    fn light_contrast_and_sharpness_are_judged_on_the_face() {
        let of = |picture: &Picture| flaws(picture, &face(75.0, 75.0));
        assert_eq!(of(&good()), []);
        assert_eq!(of(&grey(|x, y| 15.0 + 10.0 * skin(x, y))), [Flaw::Dark]);
        assert_eq!(of(&grey(|x, y| 250.0 + 5.0 * skin(x, y))), [Flaw::Bright]);
        assert_eq!(of(&grey(|x, y| 128.0 + 6.0 * skin(x, y))), [Flaw::Flat]);
        assert_eq!(of(&grey(|x, _| 128.0 + 90.0 * (x as f32 / 20.0).sin())), [Flaw::Blurred]);
        // Neither by how strong its contrast is, nor by its brightness.
        assert_eq!(of(&grey(|x, y| 60.0 + 25.0 * skin(x, y))), []);
    }

    #[test]
    fn a_face_is_upright_frontal_whole_and_large() {
        let with = |change: &dyn Fn(&mut Face)| {
            let mut face = face(75.0, 75.0);
            change(&mut face);
            flaws(&good(), &face)
        };
        let nose = |dx: f32, dy: f32| {
            with(&|face: &mut Face| {
                face.landmarks[2] = [face.landmarks[2][0] + dx, face.landmarks[2][1] + dy]
            })
        };
        assert_eq!(nose(10.0, 5.0), []);
        assert_eq!(nose(18.0, 0.0), [Flaw::TurnedAway]);
        assert_eq!(nose(0.0, -14.0), [Flaw::Raised]);
        assert_eq!(nose(0.0, 16.0), [Flaw::Lowered]);
        let lying = |face: &mut Face| face.landmarks = face.landmarks.map(|[x, y]| [300.0 - y, x]);
        assert_eq!(with(&lying), [Flaw::Tilted(90.0)]);
        assert_eq!(with(&|face: &mut Face| face.score = 0.4), [Flaw::Unclear]);
        assert_eq!(with(&|face: &mut Face| face.rect.x2 = face.rect.x1 + 59.0), [Flaw::Narrow(59.0)]);
        assert_eq!(flaws(&good(), &face(-50.0, 75.0)), [Flaw::CutOff]);
        assert_eq!(flaws(&good(), &face(-30.0, 75.0)), [], "a little of a cheek");
    }

    #[test]
    fn somebody_far_behind_is_no_rival() {
        let sized = |x: f32, width: f32| Face { rect: Rect::new(x, 0.0, x + width, width), ..face(0.0, 0.0) };
        assert_eq!(rivals(&[sized(0.0, 90.0), sized(120.0, 29.0)]), 0);
        assert_eq!(rivals(&[sized(0.0, 90.0), sized(120.0, 40.0), sized(200.0, 20.0)]), 1);
        assert_eq!(rivals(&[sized(0.0, 90.0), sized(70.0, 29.0)]), 1, "before the first one's face");
        assert_eq!(rivals(&[]), 0);
    }
}
