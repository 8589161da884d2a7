//! From a face's landmarks to the upright chip that an embedding network wants.

use crate::{Format, Picture, Tensor, prepare::Coefficients};

/// Landmarks of dlib's mean shape on a 150 x 150 chip with padding 0.25, times 1.05 about the centre: left eye (image
/// left), right eye, nose, left and right corner of the mouth.
pub const DLIB_150: [[f32; 2]; 5] =
    [[46.176, 45.179], [101.750, 45.179], [73.963, 76.641], [49.186, 104.424], [98.741, 104.424]];

/// Landmarks of the 112 x 112 chip that ArcFace and its kin are trained on (InsightFace's template), same order.
pub const ARCFACE_112: [[f32; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// Rotation, uniform scale and translation: `x' = a x - b y + tx`, `y' = b x + a y + ty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    a: f64,
    b: f64,
    tx: f64,
    ty: f64,
}

impl Similarity {
    /// The least-squares similarity without reflection that takes `from` to `to` (Umeyama 1991). `None` when the
    /// points of `from` coincide or are not finite.
    pub fn fit(from: &[[f32; 2]; 5], to: &[[f32; 2]; 5]) -> Option<Self> {
        let mean = |points: &[[f32; 2]; 5]| {
            let sum =
                points.iter().fold([0.0; 2], |sum, p| [sum[0] + f64::from(p[0]), sum[1] + f64::from(p[1])]);
            [sum[0] / 5.0, sum[1] / 5.0]
        };
        let (mf, mt) = (mean(from), mean(to));
        let (mut a, mut b, mut v) = (0.0, 0.0, 0.0);
        for (f, t) in from.iter().zip(to) {
            let (fx, fy) = (f64::from(f[0]) - mf[0], f64::from(f[1]) - mf[1]);
            let (tx, ty) = (f64::from(t[0]) - mt[0], f64::from(t[1]) - mt[1]);
            a += fx * tx + fy * ty;
            b += fx * ty - fy * tx;
            v += fx * fx + fy * fy;
        }
        let (a, b) = (a / v, b / v);
        let fit = Self { a, b, tx: mt[0] - (a * mf[0] - b * mf[1]), ty: mt[1] - (b * mf[0] + a * mf[1]) };
        (fit.a.hypot(fit.b) > 1e-6 && fit.tx.is_finite() && fit.ty.is_finite()).then_some(fit)
    }

    /// Where the source of a target point is.
    pub fn inverse(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y, d) = (x - self.tx, y - self.ty, self.a * self.a + self.b * self.b);
        ((self.a * x + self.b * y) / d, (self.a * y - self.b * x) / d)
    }
}

/// The chip of `size` x `size` pixels whose landmarks lie at `template`: bilinear, black outside the picture. Shape
/// [1, 3, size, size], RGB, 0..255. `landmarks` are in picture pixels. `None` when they make no similarity.
pub fn chip(
    picture: &Picture,
    landmarks: &[[f32; 2]; 5],
    template: &[[f32; 2]; 5],
    size: usize,
) -> Option<Tensor> {
    let fit = Similarity::fit(landmarks, template)?;
    let mut data = vec![0.0; 3 * size * size];
    for y in 0..size {
        for x in 0..size {
            let (sx, sy) = fit.inverse(x as f64, y as f64);
            let pixel = bilinear(picture, sx as f32, sy as f32);
            for (plane, value) in pixel.into_iter().enumerate() {
                data[plane * size * size + y * size + x] = value.round();
            }
        }
    }
    Some(Tensor { shape: vec![1, 3, size, size], data })
}

/// The chip seen in a mirror.
pub fn mirror(chip: &Tensor) -> Tensor {
    let width = chip.shape.last().copied().unwrap_or(1);
    let data = chip.data.chunks(width).flat_map(|row| row.iter().rev()).copied().collect();
    Tensor { shape: chip.shape.clone(), data }
}

/// Scales a vector to length one; a null vector stays.
pub fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// How much a face looks at the camera, 0..1, from its landmarks: 1 when the nose lies in the middle between the
/// eyes, 0 when it lies beside one of them.
pub fn quality_of_pose(landmarks: &[[f32; 2]; 5]) -> f32 {
    let [left, right, nose, ..] = landmarks;
    let (ex, ey) = (right[0] - left[0], right[1] - left[1]);
    let length = ex * ex + ey * ey;
    if length <= 0.0 {
        return 0.0;
    }
    let along = ((nose[0] - left[0]) * ex + (nose[1] - left[1]) * ey) / length;
    (1.0 - 2.0 * (along - 0.5).abs()).clamp(0.0, 1.0)
}

fn bilinear(picture: &Picture, x: f32, y: f32) -> [f32; 3] {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let mut sum = [0.0; 3];
    for (dx, dy, weight) in
        [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
    {
        let pixel = pixel(picture, x0 as i64 + dx, y0 as i64 + dy);
        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}

fn pixel(picture: &Picture, x: i64, y: i64) -> [f32; 3] {
    if x < 0 || y < 0 || x >= picture.width() as i64 || y >= picture.height() as i64 {
        return [0.0; 3];
    }
    let (x, y) = (x as usize, y as usize);
    let at = |plane: usize, x: usize, y: usize| {
        let plane = &picture.planes()[plane];
        plane.data[y * plane.stride + x]
    };
    match picture.format() {
        Format::Rgb => [0, 1, 2].map(|channel| f32::from(at(0, x * 3 + channel, y))),
        Format::I420(matrix) => {
            Coefficients::of(matrix).rgb(at(0, x, y), at(1, x / 2, y / 2), at(2, x / 2, y / 2))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_and_scaled_face_comes_upright() {
        // The template turned by 90 degrees, doubled and moved.
        let turned = DLIB_150.map(|[x, y]| [500.0 - 2.0 * y, 40.0 + 2.0 * x]);
        let fit = Similarity::fit(&turned, &DLIB_150).unwrap();
        for (source, target) in turned.iter().zip(DLIB_150) {
            let (x, y) = fit.inverse(f64::from(target[0]), f64::from(target[1]));
            assert!((x - f64::from(source[0])).abs() < 1e-3 && (y - f64::from(source[1])).abs() < 1e-3);
        }
        assert_eq!(Similarity::fit(&[[3.0, 3.0]; 5], &DLIB_150), None);
    }

    #[test]
    fn an_arcface_chip_has_its_landmarks_in_place() {
        // A dark picture with a bright square about each landmark of a face that is turned and four times as large.
        let landmarks = ARCFACE_112.map(|[x, y]| [520.0 - 4.0 * y, 30.0 + 4.0 * x]);
        let (width, height) = (600, 500);
        let mut data = vec![0_u8; width * height * 3];
        for [x, y] in landmarks {
            for (dx, dy) in (-8..=8).flat_map(|dx| (-8..=8).map(move |dy| (dx, dy))) {
                let at = ((y as i32 + dy) as usize * width + (x as i32 + dx) as usize) * 3;
                data[at..at + 3].copy_from_slice(&[250, 120, 10]);
            }
        }
        let picture = Picture::rgb(width, height, data).unwrap();
        let chip = chip(&picture, &landmarks, &ARCFACE_112, 112).unwrap();
        assert_eq!(chip.shape, [1, 3, 112, 112]);
        let at = |x: f32, y: f32| {
            [0, 1, 2].map(|plane| chip.data[(plane * 112 + y.round() as usize) * 112 + x.round() as usize])
        };
        for [x, y] in ARCFACE_112 {
            assert_eq!(at(x, y), [250.0, 120.0, 10.0], "RGB, 0..255, at {x} {y}");
            assert_eq!(at(x, y - 6.0), [0.0; 3], "and dark beside it");
        }
    }

    #[test]
    fn a_mirror_of_a_mirror_is_the_chip() {
        let chip = Tensor { shape: vec![1, 3, 2, 2], data: (0..12).map(|n| n as f32).collect() };
        assert_eq!(mirror(&chip).data[..4], [1.0, 0.0, 3.0, 2.0]);
        assert_eq!(mirror(&mirror(&chip)), chip);
    }
}
