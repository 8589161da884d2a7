use super::{DecodeError, Detection, Outputs, Rect, Thresholds, best, cells, finish, shape};
use crate::Placement;

/// YOLOX (Ge et al. 2021): one output [1, A, 5 + C] over strides 8, 16, 32; centre offsets and logarithmic sizes in
/// cells, then objectness and classes, 0..1. `width` and `height` are the network's input in pixels.
pub fn yolox(
    outputs: Outputs<'_>,
    (width, height): (usize, usize),
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Detection>, DecodeError> {
    let view = outputs.first(3, "[1, A, 5 + C]")?;
    let row = view.shape[2];
    let grid = [8, 16, 32].into_iter().flat_map(|stride| {
        cells(width / stride, height / stride).map(move |(_, x, y)| (x, y, stride as f32))
    });
    let places: usize = [8, 16, 32].iter().map(|stride| (width / stride) * (height / stride)).sum();
    if row < 6 || view.shape[1] != places {
        return Err(shape("(first)", &view, "[1, A, 5 + C] with one A for each cell of strides 8, 16, 32"));
    }
    let found = view.data.chunks_exact(row).zip(grid).filter_map(|(values, (x, y, stride))| {
        let (class, score) = best(values[5..].iter().copied());
        let score = score * values[4];
        let (cx, cy) = ((values[0] + x) * stride, (values[1] + y) * stride);
        let (w, h) = (values[2].exp() * stride / 2.0, values[3].exp() * stride / 2.0);
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
    fn a_cell_of_stride_16_is_found() {
        // 32 x 32: 16 cells of stride 8, 4 of 16, 1 of 32
        let mut data = vec![0.0; 21 * 7];
        data[17 * 7..18 * 7].copy_from_slice(&[0.5, 0.5, 0.0, 0.0, 0.9, 0.1, 0.8]);
        let outputs = [("output", View { shape: &[1, 21, 7], data: &data })];
        let found = yolox(Outputs(&outputs), (32, 32), THRESHOLDS, &placement(32.0, 32.0)).unwrap();
        assert_eq!((found.len(), found[0].class), (1, 1));
        near(found[0].rect, [16.0, 0.0, 32.0, 16.0]);
        assert!((found[0].score - 0.72).abs() < 1e-6);
        assert!(yolox(Outputs(&outputs), (64, 64), THRESHOLDS, &placement(32.0, 32.0)).is_err());
    }
}
