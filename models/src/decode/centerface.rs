use super::{DecodeError, Face, Outputs, Rect, Thresholds, cells, finish_faces, shape};
use crate::Placement;

const STRIDE: f32 = 4.0;

/// CenterFace (Xu et al. 2019), maps at stride 4: `heatmap` [1, 1, h, w], `scale` and `offset` [1, 2, h, w] (vertical
/// first), `landmarks` [1, 10, h, w] (y before x).
pub fn centerface(
    outputs: Outputs<'_>,
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Face>, DecodeError> {
    let heatmap = outputs.get("heatmap", 4, 0, "[1, 1, h, w]")?;
    let (height, width) = (heatmap.shape[2], heatmap.shape[3]);
    let map = |name: &str, channels: usize, needs: &'static str| {
        let view = outputs.get(name, 4, width, needs)?;
        if view.shape[1..3] == [channels, height] { Ok(view.data) } else { Err(shape(name, &view, needs)) }
    };
    let (scale, offset) = (map("scale", 2, "[1, 2, h, w]")?, map("offset", 2, "[1, 2, h, w]")?);
    let landmarks = map("landmarks", 10, "[1, 10, h, w]")?;
    let plane = width * height;
    let mut found = Vec::new();
    for (index, cx, cy) in cells(width, height) {
        let score = heatmap.data[index];
        if score <= thresholds.score {
            continue;
        }
        let at = |map: &[f32], channel: usize| map[channel * plane + index];
        let (bh, bw) = (at(scale, 0).exp() * STRIDE, at(scale, 1).exp() * STRIDE);
        let x1 = (cx + at(offset, 1) + 0.5) * STRIDE - bw / 2.0;
        let y1 = (cy + at(offset, 0) + 0.5) * STRIDE - bh / 2.0;
        let point = |j: usize| [at(landmarks, 2 * j + 1) * bw + x1, at(landmarks, 2 * j) * bh + y1];
        let rect = Rect::new(x1, y1, x1 + bw, y1 + bh);
        found.push(Face { rect, score, landmarks: [0, 1, 2, 3, 4].map(point) });
    }
    Ok(finish_faces(found, thresholds.iou, placement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{View, decode::testing::*};

    #[test]
    fn one_hot_cell_is_one_face() {
        let mut heatmap = vec![0.0; 12];
        heatmap[5] = 0.8; // x 1, y 1 of 4 x 3
        let (scale, offset) = (vec![1.0_f32.ln(); 24], vec![0.0; 24]);
        let landmarks: Vec<f32> = (0..120).map(|n| (n / 12) as f32 / 10.0).collect();
        let shapes: [&[usize]; 4] = [&[1, 1, 3, 4], &[1, 2, 3, 4], &[1, 2, 3, 4], &[1, 10, 3, 4]];
        let outputs = [
            ("heatmap", View { shape: shapes[0], data: &heatmap }),
            ("scale", View { shape: shapes[1], data: &scale }),
            ("offset", View { shape: shapes[2], data: &offset }),
            ("landmarks", View { shape: shapes[3], data: &landmarks }),
        ];
        let faces = centerface(Outputs(&outputs), THRESHOLDS, &placement(16.0, 12.0)).unwrap();
        assert_eq!(faces.len(), 1);
        near(faces[0].rect, [4.0, 4.0, 8.0, 8.0]);
        assert_eq!(faces[0].landmarks[0], [4.4, 4.0]);
        assert!(centerface(Outputs(&outputs[..3]), THRESHOLDS, &placement(16.0, 12.0)).is_err());
    }
}
