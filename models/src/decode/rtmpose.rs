use super::{DecodeError, Outputs, Pose, Rect, shape};

/// RTMPose (Jiang et al. 2023) on one person's crop, given in picture pixels: `simcc_x` [1, 17, X] and `simcc_y`
/// [1, 17, Y], a score for each half pixel of the network's input.
pub fn rtmpose(outputs: Outputs<'_>, crop: Rect) -> Result<Pose, DecodeError> {
    let axis = |name: &str| {
        let view = outputs.get(name, 3, 0, "[1, 17, bins]")?;
        if view.shape[1] == 17 && view.shape[2] > 0 {
            Ok(view)
        } else {
            Err(shape(name, &view, "[1, 17, bins]"))
        }
    };
    let (across, down) = (axis("simcc_x")?, axis("simcc_y")?);
    let peak = |bins: &[f32]| {
        let found = bins
            .iter()
            .enumerate()
            .fold((0, f32::MIN), |best, (i, v)| if *v > best.1 { (i, *v) } else { best });
        (found.0 as f32 / bins.len() as f32, found.1)
    };
    let mut keypoints = [[0.0; 3]; 17];
    let rows = across.data.chunks_exact(across.shape[2]).zip(down.data.chunks_exact(down.shape[2]));
    for (point, (x, y)) in keypoints.iter_mut().zip(rows) {
        let ((x, score_x), (y, score_y)) = (peak(x), peak(y));
        *point =
            [crop.x1 + x * crop.width(), crop.y1 + y * crop.height(), score_x.min(score_y).clamp(0.0, 1.0)];
    }
    Ok(Pose { keypoints })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::View;

    #[test]
    fn the_highest_bin_is_the_place() {
        let (mut x, mut y) = (vec![0.0; 17 * 4], vec![0.0; 17 * 8]);
        (x[2], y[4]) = (0.7, 0.6);
        let outputs = [
            ("simcc_x", View { shape: &[1, 17, 4], data: &x }),
            ("simcc_y", View { shape: &[1, 17, 8], data: &y }),
        ];
        let pose = rtmpose(Outputs(&outputs), Rect::new(10.0, 10.0, 50.0, 90.0)).unwrap();
        assert_eq!(pose.keypoints[0], [30.0, 50.0, 0.6]);
        assert!(rtmpose(Outputs(&outputs[..1]), Rect::default()).is_err());
    }
}
