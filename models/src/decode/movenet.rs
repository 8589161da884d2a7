use super::{DecodeError, Outputs, Pose, Rect, shape};

/// MoveNet on one person's square: one output [1, 1, 17, 3] as y, x, score relative to the square, which is given in
/// picture pixels.
pub fn movenet(outputs: Outputs<'_>, square: Rect) -> Result<Pose, DecodeError> {
    let view = outputs.first(4, "[1, 1, 17, 3]")?;
    if view.shape[2..] != [17, 3] {
        return Err(shape("(first)", &view, "[1, 1, 17, 3]"));
    }
    let mut keypoints = [[0.0; 3]; 17];
    for (point, values) in keypoints.iter_mut().zip(view.data.chunks_exact(3)) {
        *point = [square.x1 + values[1] * square.width(), square.y1 + values[0] * square.height(), values[2]];
    }
    Ok(Pose { keypoints })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::View;

    #[test]
    fn keypoints_lie_in_the_square() {
        let mut data = [0.0; 51];
        data[..3].copy_from_slice(&[0.25, 0.5, 0.9]);
        let pose = movenet(
            Outputs(&[("keypoints", View { shape: &[1, 1, 17, 3], data: &data })]),
            Rect::new(100.0, 200.0, 300.0, 400.0),
        );
        assert_eq!(pose.unwrap().keypoints[0], [200.0, 250.0, 0.9]);
        let bad = [("keypoints", View { shape: &[1, 17, 3, 1], data: &data })];
        assert!(movenet(Outputs(&bad), Rect::default()).is_err());
    }
}
