use super::{DecodeError, Detection, Outputs, Rect, Thresholds, best, finish, shape};
use crate::Placement;

/// The transposed form of YOLOv8 and its kin: one output [1, 4 + C, A], centre and size in network pixels, then class
/// scores, 0..1.
pub fn yolov8(
    outputs: Outputs<'_>,
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let view = outputs.first(3, "[1, 4 + C, A]")?;
    let (rows, places) = (view.shape[1], view.shape[2]);
    if rows < 5 {
        return Err(shape("(first)", &view, "[1, 4 + C, A]"));
    }
    let found = (0..places).filter_map(|place| {
        let at = |row: usize| view.data[row * places + place];
        let (class, score) = best((4..rows).map(at));
        let (cx, cy, w, h) = (at(0), at(1), at(2) / 2.0, at(3) / 2.0);
        (score > thresholds.score).then(|| Detection {
            class,
            score,
            rect: Rect::new(cx - w, cy - h, cx + w, cy + h),
        })
    });
    Ok(finish(found.collect(), thresholds.iou, placement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{View, decode::testing::*};

    #[test]
    fn columns_are_things() {
        // two places, two classes
        let data = [20.0, 60.0, 30.0, 60.0, 10.0, 20.0, 20.0, 20.0, 0.1, 0.2, 0.7, 0.1];
        let outputs = [("output0", View { shape: &[1, 6, 2], data: &data })];
        let found = yolov8(Outputs(&outputs), THRESHOLDS, &placement(100.0, 100.0)).unwrap();
        assert_eq!((found.len(), found[0].class), (1, 1));
        near(found[0].rect, [15.0, 20.0, 25.0, 40.0]);
        let bad = [("output0", View { shape: &[1, 4, 3], data: &data })];
        assert!(yolov8(Outputs(&bad), THRESHOLDS, &placement(9.0, 9.0)).is_err());
    }
}
