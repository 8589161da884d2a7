use super::{DecodeError, Face, Outputs, Rect, Thresholds, cells, finish_faces, shape};
use crate::Placement;

/// YuNet (Wu et al. 2023) as OpenCV's zoo exports it: `cls_8`, `obj_8`, `bbox_8`, `kps_8` and the same at 16 and 32;
/// priors at the cell's corner, score the root of class times objectness. `width` and `height` are the network's input
/// in pixels.
pub fn yunet(
    outputs: Outputs<'_>,
    (width, height): (usize, usize),
    thresholds: Thresholds,
    placement: &Placement,
) -> Result<Vec<Face>, DecodeError> {
    let mut found = Vec::new();
    for stride in [8, 16, 32] {
        let (w, h) = (width / stride, height / stride);
        let part = |name: &str, last: usize| {
            let name = format!("{name}_{stride}");
            let view = outputs.get(&name, 3, last, "[1, cells, 1, 4 or 10]")?;
            if view.shape[1] == w * h {
                Ok(view.data)
            } else {
                Err(shape(&name, &view, "one place for each cell"))
            }
        };
        let (class, object) = (part("cls", 1)?, part("obj", 1)?);
        let (boxes, points) = (part("bbox", 4)?, part("kps", 10)?);
        let stride = stride as f32;
        for (cell, x, y) in cells(w, h) {
            let score = (class[cell].clamp(0.0, 1.0) * object[cell].clamp(0.0, 1.0)).sqrt();
            if score > thresholds.score {
                let b = &boxes[cell * 4..][..4];
                let k = &points[cell * 10..][..10];
                let (cx, cy) = ((x + b[0]) * stride, (y + b[1]) * stride);
                let (bw, bh) = (b[2].exp() * stride / 2.0, b[3].exp() * stride / 2.0);
                found.push(Face {
                    score,
                    rect: Rect::new(cx - bw, cy - bh, cx + bw, cy + bh),
                    landmarks: [0, 1, 2, 3, 4]
                        .map(|j| [(x + k[2 * j]) * stride, (y + k[2 * j + 1]) * stride]),
                });
            }
        }
    }
    Ok(finish_faces(found, thresholds.iou, placement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{View, decode::testing::*};

    #[test]
    fn a_cell_of_stride_32_is_a_face() {
        let sizes = [16, 4, 1];
        let lasts = [1, 1, 4, 10];
        let mut data: Vec<Vec<f32>> =
            sizes.iter().flat_map(|n| lasts.map(|last| vec![0.0; n * last])).collect();
        (data[8][0], data[9][0]) = (0.81, 1.0);
        data[10].copy_from_slice(&[0.5, 0.5, 0.0, 0.0]);
        let shapes: Vec<[usize; 3]> = sizes.iter().flat_map(|n| lasts.map(|last| [1, *n, last])).collect();
        let names: Vec<String> = [8, 16, 32]
            .iter()
            .flat_map(|s| ["cls", "obj", "bbox", "kps"].map(|n| format!("{n}_{s}")))
            .collect();
        let outputs: Vec<_> =
            (0..12).map(|i| (names[i].as_str(), View { shape: &shapes[i], data: &data[i] })).collect();
        let faces = yunet(Outputs(&outputs), (32, 32), THRESHOLDS, &placement(32.0, 32.0)).unwrap();
        assert_eq!(faces.len(), 1);
        assert!((faces[0].score - 0.9).abs() < 1e-6);
        near(faces[0].rect, [0.0, 0.0, 32.0, 32.0]);
        assert!(yunet(Outputs(&outputs[1..]), (32, 32), THRESHOLDS, &placement(32.0, 32.0)).is_err());
    }
}
