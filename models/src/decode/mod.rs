//! What comes out of a network, as things in a picture. One file for each way that networks say it; which one a model
//! needs stands in the manifest. Every decoder checks shapes first: a foreign model is an error, never a panic.

mod boxes_scores;
mod centerface;
mod detr;
mod movenet;
mod rtmpose;
mod scrfd;
mod yolov8;
mod yolox;
mod yunet;

pub use boxes_scores::boxes_scores;
pub use centerface::centerface;
pub use detr::{detr_logits, detr_postprocessed};
pub use movenet::movenet;
pub use rtmpose::rtmpose;
pub use scrfd::scrfd;
pub use yolov8::yolov8;
pub use yolox::yolox;
pub use yunet::yunet;

use crate::{
    classes::group_of,
    geometry::{Rect, nms},
    manifest::{Decoder, Model, Task},
    prepare::Placement,
    tensor::View,
};

/// A thing in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Index of its class.
    pub class: u16,
    /// Confidence, 0..1.
    pub score: f32,
    /// Where, in picture pixels.
    pub rect: Rect,
}

/// A face in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Where, in picture pixels.
    pub rect: Rect,
    /// Confidence, 0..1.
    pub score: f32,
    /// Left eye (image left), right eye, nose, left and right corner of the mouth, in picture pixels.
    pub landmarks: [[f32; 2]; 5],
}

/// The 17 keypoints of COCO: x, y in picture pixels, confidence 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left first.
    pub keypoints: [[f32; 3]; 17],
}

/// Why outputs cannot be decoded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The decoder reads something else.
    #[error("decoder {0:?} does not read {1:?}")]
    Decoder(Decoder, Task),
    /// An output that the decoder needs is not there.
    #[error("the model has no output `{0}`: is its decoder right in models.toml?")]
    Missing(String),
    /// An output has another shape than the decoder needs.
    #[error("output `{output}` has shape {shape:?}, this decoder needs {needs}")]
    Shape {
        /// The output.
        output: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What was expected.
        needs: &'static str,
    },
}

/// The outputs of one run, by name.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a>(pub &'a [(&'a str, View<'a>)]);

/// Thresholds of a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Lowest score kept, 0..1.
    pub score: f32,
    /// Boxes of one group that overlap more than this are one thing, 0..1.
    pub iou: f32,
}

/// The objects that a model's outputs say, above a score, with the decoder of its manifest. `size` is the network's
/// input in pixels.
pub fn objects(
    model: &Model,
    outputs: Outputs<'_>,
    size: (usize, usize),
    score: f32,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let thresholds = Thresholds { score, iou: model.iou() };
    match model.decoder {
        Decoder::BoxesScores => boxes_scores(outputs, thresholds, placement),
        Decoder::Yolox => yolox(outputs, size, thresholds, placement),
        Decoder::Yolov8 => yolov8(outputs, thresholds, placement),
        Decoder::DetrLogits => detr_logits(outputs, size, thresholds, placement),
        Decoder::DetrPostprocessed => detr_postprocessed(outputs, thresholds, placement),
        other => Err(DecodeError::Decoder(other, Task::Objects)),
    }
}

/// The faces that a model's outputs say, above a score, with the decoder of its manifest. `size` is the network's
/// input in pixels.
pub fn faces(
    model: &Model,
    outputs: Outputs<'_>,
    size: (usize, usize),
    score: f32,
    placement: &Placement,
) -> Result<Vec<Face>, DecodeError> {
    let thresholds = Thresholds { score, iou: model.iou() };
    match model.decoder {
        Decoder::Centerface => centerface(outputs, thresholds, placement),
        Decoder::Scrfd => scrfd(outputs, size, thresholds, placement),
        Decoder::Yunet => yunet(outputs, size, thresholds, placement),
        other => Err(DecodeError::Decoder(other, Task::Faces)),
    }
}

/// Candidates kept before suppression, best first.
const TOP: usize = 1000;

impl<'a> Outputs<'a> {
    /// The output of this name, with as many axes as `needs` says and a length of `last` of its last axis (0: any).
    fn get(
        &self,
        name: &str,
        axes: usize,
        last: usize,
        needs: &'static str,
    ) -> Result<View<'a>, DecodeError> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        let (_, view) = *found.ok_or_else(|| DecodeError::Missing(name.to_owned()))?;
        let fits = view.shape.len() == axes
            && (last == 0 || view.shape.last() == Some(&last))
            && view.shape.iter().product::<usize>() == view.data.len();
        if fits { Ok(view) } else { Err(shape(name, &view, needs)) }
    }

    /// The only output, whatever its name.
    fn first(&self, axes: usize, needs: &'static str) -> Result<View<'a>, DecodeError> {
        let (name, _) = self.0.first().ok_or_else(|| DecodeError::Missing("(any)".to_owned()))?;
        self.get(name, axes, 0, needs)
    }
}

fn shape(output: &str, view: &View<'_>, needs: &'static str) -> DecodeError {
    DecodeError::Shape { output: output.to_owned(), shape: view.shape.to_vec(), needs }
}

/// Keeps the best candidates, suppresses within groups and puts them back into the picture.
fn finish(mut found: Vec<Detection>, iou: f32, placement: &Placement) -> Vec<Detection> {
    found.retain(|one| {
        one.score.is_finite()
            && [one.rect.x1, one.rect.y1, one.rect.x2, one.rect.y2].iter().all(|v| v.is_finite())
    });
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(TOP);
    for one in &mut found {
        one.rect = placement.undo(one.rect);
    }
    let rects: Vec<Rect> = found.iter().map(|one| one.rect).collect();
    let scores: Vec<f32> = found.iter().map(|one| one.score).collect();
    let groups: Vec<_> = found.iter().map(|one| group_of(one.class)).collect();
    nms(&rects, &scores, iou, |a, b| groups[a] == groups[b]).into_iter().map(|index| found[index]).collect()
}

/// The same for faces.
fn finish_faces(mut found: Vec<Face>, iou: f32, placement: &Placement) -> Vec<Face> {
    found.retain(|face| face.score.is_finite() && face.rect.area().is_finite());
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(TOP);
    let rects: Vec<Rect> = found.iter().map(|face| face.rect).collect();
    let scores: Vec<f32> = found.iter().map(|face| face.score).collect();
    let kept = nms(&rects, &scores, iou, |_, _| true);
    let undo = |mut face: Face| {
        face.rect = placement.undo(face.rect);
        face.landmarks = face.landmarks.map(|[x, y]| placement.undo_point(x, y).into());
        face
    };
    kept.into_iter().map(|index| undo(found[index])).collect()
}

/// Cells of a feature map: index, x, y.
fn cells(width: usize, height: usize) -> impl Iterator<Item = (usize, f32, f32)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y * width + x, x as f32, y as f32)))
}

/// The highest of some scores and where it stands.
fn best(scores: impl Iterator<Item = f32>) -> (u16, f32) {
    scores.enumerate().fold((0, f32::MIN), |best, (class, score)| {
        if score > best.1 { (u16::try_from(class).unwrap_or(u16::MAX), score) } else { best }
    })
}

#[cfg(test)]
mod testing {
    use super::*;

    /// A picture as large as the network's input.
    pub(super) fn placement(width: f32, height: f32) -> Placement {
        Placement { scale_x: 1.0, scale_y: 1.0, left: 0.0, top: 0.0, width, height }
    }

    pub(super) const THRESHOLDS: Thresholds = Thresholds { score: 0.3, iou: 0.5 };

    pub(super) fn near(rect: Rect, expected: [f32; 4]) {
        let got = [rect.x1, rect.y1, rect.x2, rect.y2];
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{got:?} is not {expected:?}");
    }
}
