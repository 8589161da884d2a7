//! The best view of a face so far, cut out for the recognizer.

use cortex_models::{Face, Format, Picture, Rect, quality_of_pose};
use cortex_proto::v1;
use cortex_runtime::CutChip;

/// A better view must be better by this much, so that a track costs a few embeddings, not one a frame.
const BETTER: f32 = 0.08;
/// The cut-out is this much larger than the face, for alignment.
const MARGIN: f32 = 1.6;
/// A face of this width in pixels is as good as a larger one.
const WIDE: f32 = 112.0;

/// Mean luma of a face between which its light is good, and beyond which nothing is seen of it.
const LIGHT: [f32; 4] = [20.0, 55.0, 200.0, 245.0];

/// How good a view of a face is, 0..1: width, sharpness, frontality and the detector's score; less in bad light.
pub fn quality(picture: &Picture, face: &Face) -> f32 {
    let size = (face.rect.width() / WIDE).clamp(0.0, 1.0);
    let (sharpness, luma) = grain(picture, face.rect);
    let sharp = (sharpness / 12.0).clamp(0.0, 1.0);
    let seen = 0.35 * size + 0.25 * sharp + 0.25 * quality_of_pose(&face.landmarks) + 0.15 * face.score;
    (seen * exposure(luma)).clamp(0.0, 1.0)
}

/// 1 in good light, falling to 0 where nothing is seen.
fn exposure(luma: f32) -> f32 {
    let [black, dark, bright, white] = LIGHT;
    ((luma - black) / (dark - black)).min((white - luma) / (white - bright)).clamp(0.0, 1.0)
}

/// JPEG quality of a chip that leaves the process: faces are compared in it.
const QUALITY: u8 = 95;

/// Whether a view is worth sending, after the best one so far.
pub(crate) fn improves(quality: f32, best: f32) -> bool {
    quality > best + BETTER
}

/// Cuts a face out; landmarks in pixels of the cut-out.
pub(crate) fn cut(picture: &Picture, face: &Face, mut chip: v1::Chip) -> CutChip {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let side = face.rect.width().max(face.rect.height()) * MARGIN;
    let (cx, cy) = face.rect.centre();
    let area =
        Rect::new(cx - side / 2.0, cy - side / 2.0, cx + side / 2.0, cy + side / 2.0).clip(width, height);
    // A face wholly outside is cut at the edge: a pixel there is, and nobody recognises it.
    let side = |low: f32, high: f32, size: usize| {
        let low = (low.floor() as usize).min(size - 1);
        (low, ((high.ceil() as usize).min(size) - low).max(1))
    };
    let (left, w) = side(area.x1, area.x2, picture.width());
    let (top, h) = side(area.y1, area.y2, picture.height());
    chip.landmarks =
        face.landmarks.iter().map(|[x, y]| v1::Point { x: x - left as f32, y: y - top as f32 }).collect();
    let picture = cortex_models::crop(picture, left, top, w, h);
    CutChip { message: chip, picture: Some(picture), quality: QUALITY }
}

/// Mean absolute difference of neighbouring luma values, which blur lowers, and mean luma. Of RGB the red channel stands for
/// luma.
fn grain(picture: &Picture, rect: Rect) -> (f32, f32) {
    let plane = &picture.planes()[0];
    let step = if picture.format() == Format::Rgb { 3 } else { 1 };
    let rect = rect.clip(picture.width() as f32 - 2.0, picture.height() as f32 - 2.0);
    let (mut differences, mut values, mut count) = (0_u32, 0_u32, 0_u32);
    for y in (rect.y1 as usize..rect.y2 as usize).step_by(2) {
        for x in rect.x1 as usize..rect.x2 as usize {
            let at = y * plane.stride + x * step;
            differences += u32::from(plane.data[at].abs_diff(plane.data[at + step]));
            values += u32::from(plane.data[at]);
            count += 1;
        }
    }
    let mean = |sum: u32| sum as f32 / count.max(1) as f32;
    (mean(differences), mean(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_in_bad_light_is_a_poor_view() {
        let face = Face {
            rect: Rect::new(8.0, 8.0, 56.0, 56.0),
            score: 0.9,
            landmarks: [[20.0, 24.0], [44.0, 24.0], [32.0, 34.0], [24.0, 44.0], [40.0, 44.0]],
        };
        let at = |luma: u8| {
            let picture = Picture::rgb(64, 64, vec![luma; 64 * 64 * 3]).expect("the bytes fit");
            quality(&picture, &face)
        };
        assert!(at(120) > 0.3 && at(60) == at(120) && at(190) == at(120));
        assert!(at(35) < at(60) && at(230) < at(190));
        assert_eq!((at(10), at(250)), (0.0, 0.0));
    }

    #[test]
    fn a_face_beyond_any_edge_is_cut_within_the_picture() {
        let picture = Picture::rgb(64, 48, vec![7; 64 * 48 * 3]).expect("the bytes fit");
        for (x, y) in
            [(200.0, 10.0), (-200.0, 10.0), (10.0, 200.0), (10.0, -200.0), (63.5, 47.5), (20.0, 20.0)]
        {
            let rect = Rect::new(x, y, x + 10.0, y + 12.0);
            let face = Face { rect, score: 0.9, landmarks: [[x, y]; 5] };
            let cut = cut(&picture, &face, v1::Chip::default());
            let chip = cut.picture.expect("there is always a picture");
            assert!((1..=20).contains(&chip.width()) && (1..=20).contains(&chip.height()), "{x} {y}");
            assert!(quality(&picture, &face).is_finite());
        }
    }
}
