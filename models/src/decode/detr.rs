use super::{DecodeError, Detection, Outputs, Rect, Thresholds, best, shape};
use crate::Placement;

/// RT-DETR, D-FINE and RF-DETR as plain exports: `logits` [1, Q, C] and `boxes` [1, Q, 4] as centre and size, 0..1 of
/// the network's input (`width` x `height` pixels). These networks need no suppression.
pub fn detr_logits(
    outputs: Outputs<'_>,
    (width, height): (usize, usize),
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let logits = outputs.get("logits", 3, 0, "[1, Q, C]")?;
    let boxes = outputs.get("boxes", 3, 4, "[1, Q, 4]")?;
    let classes = logits.shape[2];
    if classes == 0 || logits.shape[1] != boxes.shape[1] {
        return Err(shape("logits", &logits, "[1, Q, C] with the Q of `boxes`"));
    }
    let (w, h) = (width as f32, height as f32);
    let found =
        logits.data.chunks_exact(classes).zip(boxes.data.chunks_exact(4)).filter_map(|(logits, place)| {
            let (class, logit) = best(logits.iter().copied());
            let score = 1.0 / (1.0 + (-logit).exp());
            let (cx, cy, bw, bh) = (place[0] * w, place[1] * h, place[2] * w / 2.0, place[3] * h / 2.0);
            let rect = placement.undo(Rect::new(cx - bw, cy - bh, cx + bw, cy + bh));
            (score > thresholds.score).then_some(Detection { class, score, rect })
        });
    Ok(found.collect())
}

/// The same networks exported with their post-processor: `labels` [1, Q], `boxes` [1, Q, 4] as corners in picture
/// pixels (they are given the picture's size as `orig_target_sizes`), `scores` [1, Q].
pub fn detr_postprocessed(
    outputs: Outputs<'_>,
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let scores = outputs.get("scores", 2, 0, "[1, Q]")?;
    let labels = outputs.get("labels", 2, scores.shape[1], "[1, Q] with the Q of `scores`")?;
    let boxes = outputs.get("boxes", 3, 4, "[1, Q, 4]")?;
    if boxes.shape[1] != scores.shape[1] {
        return Err(shape("boxes", &boxes, "[1, Q, 4] with the Q of `scores`"));
    }
    let found = scores.data.iter().zip(labels.data).zip(boxes.data.chunks_exact(4)).filter_map(
        |((score, label), b)| {
            let rect = Rect::new(b[0], b[1], b[2], b[3]).clip(placement.width, placement.height);
            (*score > thresholds.score).then_some(Detection { class: *label as u16, score: *score, rect })
        },
    );
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{View, decode::testing::*};

    #[test]
    fn both_forms_say_the_same() {
        let (logits, boxes) = ([-4.0, 2.0, -4.0, -4.0], [0.5, 0.5, 0.2, 0.4, 0.1, 0.1, 0.1, 0.1]);
        let outputs = [
            ("logits", View { shape: &[1, 2, 2], data: &logits }),
            ("boxes", View { shape: &[1, 2, 4], data: &boxes }),
        ];
        let plain = detr_logits(Outputs(&outputs), (100, 50), THRESHOLDS, &placement(100.0, 50.0)).unwrap();
        assert_eq!((plain.len(), plain[0].class), (1, 1));
        near(plain[0].rect, [40.0, 15.0, 60.0, 35.0]);
        let (scores, labels, corners) =
            ([0.88, 0.02], [1.0, 0.0], [40.0, 15.0, 60.0, 35.0, 0.0, 0.0, 1.0, 1.0]);
        let outputs = [
            ("scores", View { shape: &[1, 2], data: &scores }),
            ("labels", View { shape: &[1, 2], data: &labels }),
            ("boxes", View { shape: &[1, 2, 4], data: &corners }),
        ];
        let done = detr_postprocessed(Outputs(&outputs), THRESHOLDS, &placement(100.0, 50.0)).unwrap();
        assert_eq!((done.len(), done[0].class, done[0].rect), (1, 1, plain[0].rect));
        assert!(detr_postprocessed(Outputs(&outputs[..2]), THRESHOLDS, &placement(9.0, 9.0)).is_err());
    }
}
