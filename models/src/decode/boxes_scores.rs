use super::{DecodeError, Detection, Outputs, Rect, Thresholds, finish, shape};
use crate::Placement;

/// `boxes` [1, A, 4] as x1, y1, x2, y2 in network pixels and `scores` [1, A, C], 0..1: NanoDet-g as the recipe builds
/// it, and what most detectors reduce to. A place may be several classes at once.
pub fn boxes_scores(
    outputs: Outputs<'_>,
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let boxes = outputs.get("boxes", 3, 4, "[1, A, 4]")?;
    let scores = outputs.get("scores", 3, 0, "[1, A, C]")?;
    let classes = scores.shape[2];
    if classes == 0 || scores.shape[1] != boxes.shape[1] {
        return Err(shape("scores", &scores, "[1, A, C] with the A of `boxes`"));
    }
    let mut found = Vec::new();
    for (place, scores) in boxes.data.chunks_exact(4).zip(scores.data.chunks_exact(classes)) {
        for (class, score) in scores.iter().enumerate().filter(|(_, score)| **score > thresholds.score) {
            let rect = Rect::new(place[0], place[1], place[2], place[3]);
            found.push(Detection { class: u16::try_from(class).unwrap_or(u16::MAX), score: *score, rect });
        }
    }
    Ok(finish(found, thresholds.iou, placement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{View, decode::testing::*};

    #[test]
    fn a_car_that_is_also_a_bus_is_one_vehicle() {
        let boxes = [10.0, 10.0, 50.0, 50.0, 11.0, 10.0, 51.0, 50.0, 10.0, 10.0, 50.0, 50.0];
        // person .9; car .5 and bus .6 at nearly one place
        let mut scores = vec![0.0; 3 * 8];
        (scores[0], scores[8 + 2], scores[16 + 5]) = (0.9, 0.5, 0.6);
        let outputs = [
            ("boxes", View { shape: &[1, 3, 4], data: &boxes }),
            ("scores", View { shape: &[1, 3, 8], data: &scores }),
        ];
        let found = boxes_scores(Outputs(&outputs), THRESHOLDS, &placement(100.0, 100.0)).unwrap();
        assert_eq!(found.iter().map(|one| one.class).collect::<Vec<_>>(), [0, 5]);
        near(found[0].rect, [10.0, 10.0, 50.0, 50.0]);
        assert!(boxes_scores(Outputs(&outputs[..1]), THRESHOLDS, &placement(9.0, 9.0)).is_err());
        let short = [("boxes", View { shape: &[1, 3, 4], data: &boxes[..5] }), outputs[1]];
        assert!(boxes_scores(Outputs(&short), THRESHOLDS, &placement(9.0, 9.0)).is_err());
    }
}
