use super::{DecodeError, Face, Outputs, Rect, Thresholds, cells, finish_faces, shape};
use crate::Placement;

const ANCHORS: usize = 2;

/// SCRFD (Guo et al. 2021) with landmarks: `score_8`, `bbox_8`, `kps_8` and the same at 16 and 32; two anchors a cell,
/// distances from the cell's corner in strides. `width` and `height` are the network's input in pixels.
pub fn scrfd(
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
            let view = outputs.get(&name, 3, last, "[1, anchors, 1, 4 or 10]")?;
            let fits = view.shape[1] == w * h * ANCHORS;
            if fits { Ok(view.data) } else { Err(shape(&name, &view, "two anchors for each cell")) }
        };
        let (scores, boxes, points) = (part("score", 1)?, part("bbox", 4)?, part("kps", 10)?);
        let stride = stride as f32;
        for (cell, x, y) in cells(w, h) {
            for anchor in cell * ANCHORS..(cell + 1) * ANCHORS {
                let score = scores[anchor];
                if score > thresholds.score {
                    let (cx, cy) = (x * stride, y * stride);
                    let d = &boxes[anchor * 4..][..4];
                    let k = &points[anchor * 10..][..10];
                    found.push(Face {
                        score,
                        rect: Rect::new(
                            cx - d[0] * stride,
                            cy - d[1] * stride,
                            cx + d[2] * stride,
                            cy + d[3] * stride,
                        ),
                        landmarks: [0, 1, 2, 3, 4]
                            .map(|j| [cx + k[2 * j] * stride, cy + k[2 * j + 1] * stride]),
                    });
                }
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
    fn an_anchor_of_stride_8_is_a_face() {
        let sizes = [32, 8, 2]; // anchors at 32 x 32
        let mut data: Vec<Vec<f32>> =
            sizes.iter().flat_map(|n| [1, 4, 10].map(|last| vec![0.0; n * last])).collect();
        data[0][11] = 0.9; // cell 5 = x 1, y 1, second anchor
        data[1][44..48].copy_from_slice(&[1.0, 1.0, 1.0, 1.0]);
        let shapes: Vec<[usize; 3]> =
            sizes.iter().flat_map(|n| [1, 4, 10].map(|last| [1, *n, last])).collect();
        let names =
            ["score_8", "bbox_8", "kps_8", "score_16", "bbox_16", "kps_16", "score_32", "bbox_32", "kps_32"];
        let outputs: Vec<_> =
            (0..9).map(|i| (names[i], View { shape: &shapes[i], data: &data[i] })).collect();
        let faces = scrfd(Outputs(&outputs), (32, 32), THRESHOLDS, &placement(32.0, 32.0)).unwrap();
        assert_eq!(faces.len(), 1);
        near(faces[0].rect, [0.0, 0.0, 16.0, 16.0]);
        assert_eq!(faces[0].landmarks[4], [8.0, 8.0]);
        assert!(scrfd(Outputs(&outputs), (64, 32), THRESHOLDS, &placement(32.0, 32.0)).is_err());
    }
}
