//! From a picture to a network's input. Planes are resized before colours are converted, so a large picture costs
//! little more than a small one.

use crate::{Format, Matrix, Picture, Plane, Rect, Tensor, area, bilinear};

/// How a picture is fitted into the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// Ratio kept, centred, filled with grey 114. Bilinear above half size, area averaging below.
    Letterbox,
    /// Both sides stretched. Area averaging when the width shrinks, else bilinear.
    Stretch,
}

/// Where the picture lies in the network's input; undoes the fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Network pixels per picture pixel, horizontally.
    pub scale_x: f32,
    /// Network pixels per picture pixel, vertically.
    pub scale_y: f32,
    /// Left margin in network pixels.
    pub left: f32,
    /// Upper margin in network pixels.
    pub top: f32,
    /// Width of the picture in pixels.
    pub width: f32,
    /// Height of the picture in pixels.
    pub height: f32,
}

/// A part of a picture as RGB. `left`, `top`, `width` and `height` are in pixels and must lie inside.
pub fn crop(picture: &Picture, left: usize, top: usize, width: usize, height: usize) -> Picture {
    let mut pixels = Vec::with_capacity(width * height * 3);
    let row = |plane: usize, y: usize| &picture.planes()[plane].data[y * picture.planes()[plane].stride..];
    for y in top..top + height {
        match picture.format() {
            Format::Rgb => pixels.extend_from_slice(&row(0, y)[left * 3..(left + width) * 3]),
            Format::I420(matrix) => {
                let (luma, cb, cr) = (row(0, y), row(1, y / 2), row(2, y / 2));
                let coefficients = Coefficients::of(matrix);
                for x in left..left + width {
                    pixels.extend(
                        coefficients.rgb(luma[x], cb[x / 2], cr[x / 2]).map(|value| value.round() as u8),
                    );
                }
            }
        }
    }
    Picture::rgb(width, height, pixels).expect("three bytes for each pixel")
}

/// Keeps its buffers from picture to picture.
#[derive(Debug, Default)]
pub struct Preprocessor {
    planes: [Vec<u8>; 3],
}

const FILL: f32 = 114.0;

/// A length rounded up to what the networks' strides divide: a multiple of 32, at least 32.
pub fn multiple_of_32(length: f32) -> usize {
    ((length / 32.0).ceil().max(1.0) as usize) * 32
}

impl Placement {
    /// A rectangle in network pixels as one in picture pixels, cut to the picture.
    pub fn undo(&self, rect: Rect) -> Rect {
        let (x1, y1) = self.undo_point(rect.x1, rect.y1);
        let (x2, y2) = self.undo_point(rect.x2, rect.y2);
        Rect::new(x1, y1, x2, y2).clip(self.width, self.height)
    }

    /// A point in network pixels as one in picture pixels.
    pub fn undo_point(&self, x: f32, y: f32) -> (f32, f32) {
        ((x - self.left) / self.scale_x, (y - self.top) / self.scale_y)
    }
}

impl Preprocessor {
    /// The network's input of `width` x `height` pixels: shape [1, 3, height, width], RGB, 0..255.
    pub fn prepare(
        &mut self,
        picture: &Picture,
        width: usize,
        height: usize,
        fit: Fit,
    ) -> (Tensor, Placement) {
        let (w, h) = (picture.width() as f32, picture.height() as f32);
        let (scale, inner_w, inner_h, area) = match fit {
            Fit::Letterbox => {
                let scale = (width as f32 / w).min(height as f32 / h);
                let inner =
                    |length: f32, most: usize| ((length * scale).round_ties_even() as usize).clamp(1, most);
                (Some(scale), inner(w, width), inner(h, height), scale <= 0.5)
            }
            Fit::Stretch => (None, width, height, width < picture.width()),
        };
        let (left, top) = ((width - inner_w) / 2, (height - inner_h) / 2);
        let mut data = if (inner_w, inner_h) == (width, height) {
            vec![0.0; 3 * width * height]
        } else {
            vec![FILL; 3 * width * height]
        };
        let target = Target { width, height, left, top, inner_w, inner_h };
        match picture.format() {
            Format::Rgb => {
                self.resize(Source::whole(picture, 0, area), 3, (inner_w, inner_h), 0);
                target.write_rgb(&self.planes[0], &mut data);
            }
            Format::I420(matrix) => {
                let inner_half = (inner_w.div_ceil(2), inner_h.div_ceil(2));
                self.resize(Source::whole(picture, 0, area), 1, (inner_w, inner_h), 0);
                self.resize(Source::whole(picture, 1, area), 1, inner_half, 1);
                self.resize(Source::whole(picture, 2, area), 1, inner_half, 2);
                target.write_i420(&self.planes, matrix, &mut data);
            }
        }
        let placement = Placement {
            scale_x: scale.unwrap_or(width as f32 / w),
            scale_y: scale.unwrap_or(height as f32 / h),
            left: left as f32,
            top: top as f32,
            width: w,
            height: h,
        };
        (Tensor { shape: vec![1, 3, height, width], data }, placement)
    }

    /// A part of a picture as a network's input of `width` x `height` pixels, black where the part lies outside: shape
    /// [1, 3, height, width], RGB, 0..255. `part` is in picture pixels.
    pub fn part(&mut self, picture: &Picture, part: Rect, width: usize, height: usize) -> Tensor {
        let mut data = vec![0.0; 3 * width * height];
        let inside = part.clip(picture.width() as f32, picture.height() as f32);
        let scale_x = width as f32 / part.width().max(1.0);
        let scale_y = height as f32 / part.height().max(1.0);
        let (left, top) = (
            (((inside.x1 - part.x1) * scale_x).round() as usize).min(width),
            (((inside.y1 - part.y1) * scale_y).round() as usize).min(height),
        );
        let inner_w = ((inside.width() * scale_x).round() as usize).min(width - left);
        let inner_h = ((inside.height() * scale_y).round() as usize).min(height - top);
        let area = scale_x < 1.0;
        if inner_w > 0 && inner_h > 0 {
            let target = Target { width, height, left, top, inner_w, inner_h };
            match picture.format() {
                Format::Rgb => {
                    self.resize(Source::part(picture, 0, inside, area), 3, (inner_w, inner_h), 0);
                    target.write_rgb(&self.planes[0], &mut data);
                }
                Format::I420(matrix) => {
                    let half = (inner_w.div_ceil(2), inner_h.div_ceil(2));
                    self.resize(Source::part(picture, 0, inside, area), 1, (inner_w, inner_h), 0);
                    self.resize(Source::part(picture, 1, inside, area), 1, half, 1);
                    self.resize(Source::part(picture, 2, inside, area), 1, half, 2);
                    target.write_i420(&self.planes, matrix, &mut data);
                }
            }
        }
        Tensor { shape: vec![1, 3, height, width], data }
    }

    /// A picture of another size in the same format, for what people look at.
    pub fn scale(&mut self, picture: &Picture, width: usize, height: usize) -> Picture {
        if (picture.width(), picture.height()) == (width, height) {
            return picture.clone();
        }
        let area = width < picture.width();
        let kinds: &[(usize, usize)] = match picture.format() {
            Format::Rgb => &[(3, 1)],
            Format::I420(_) => &[(1, 1), (1, 2), (1, 2)],
        };
        let mut planes = Vec::with_capacity(kinds.len());
        for (index, (kind, divisor)) in kinds.iter().enumerate() {
            let to = (width.div_ceil(*divisor), height.div_ceil(*divisor));
            self.resize(Source::whole(picture, index, area), *kind, to, index);
            planes.push(Plane { data: std::mem::take(&mut self.planes[index]).into(), stride: to.0 * kind });
        }
        Picture::new(width, height, picture.format(), planes).expect("the planes were made for this size")
    }

    /// Resizes a part of one plane of `bytes` channels into `self.planes[into]`, tightly packed.
    fn resize(&mut self, source: Source<'_>, bytes: usize, to: (usize, usize), into: usize) {
        let (Source { plane, width: w, height: h, part, area }, (width, height)) = (source, to);
        let packed = &mut self.planes[into];
        packed.resize(width * height * bytes, 0);
        let all = part == Rect::new(0.0, 0.0, w as f32, h as f32);
        if all && (w, h) == (width, height) {
            for (row, line) in packed.chunks_exact_mut(w * bytes).enumerate() {
                line.copy_from_slice(&plane.data[row * plane.stride..][..w * bytes]);
            }
            return;
        }
        // One side may grow by a few pixels while the other shrinks: the networks want multiples of 32.
        let shrinks = area && part.width() >= width as f32 && part.height() >= height as f32;
        let resize = match (shrinks, bytes) {
            (true, 1) => area::shrink::<1>,
            (true, _) => area::shrink::<3>,
            (false, 1) => bilinear::resize::<1>,
            (false, _) => bilinear::resize::<3>,
        };
        resize(plane, (w, h), part, width, packed);
    }
}

/// What is resized: a part of a plane.
struct Source<'a> {
    plane: &'a Plane,
    /// Width and height of the whole plane in its own pixels.
    width: usize,
    height: usize,
    /// In the plane's own pixels.
    part: Rect,
    /// By area averaging, for shrinking; else bilinear.
    area: bool,
}

impl<'a> Source<'a> {
    fn whole(picture: &'a Picture, index: usize, area: bool) -> Self {
        let divisor = if index == 0 { 1 } else { 2 };
        let (width, height) = (picture.width().div_ceil(divisor), picture.height().div_ceil(divisor));
        let part = Rect::new(0.0, 0.0, width as f32, height as f32);
        Self { plane: &picture.planes()[index], width, height, part, area }
    }

    /// `inside` is in picture pixels and lies in the picture.
    fn part(picture: &'a Picture, index: usize, inside: Rect, area: bool) -> Self {
        let divisor = if index == 0 { 1.0 } else { 2.0 };
        let part =
            Rect::new(inside.x1 / divisor, inside.y1 / divisor, inside.x2 / divisor, inside.y2 / divisor);
        Self { part, ..Self::whole(picture, index, area) }
    }
}

/// The inner rectangle of a tensor's three planes.
struct Target {
    width: usize,
    height: usize,
    left: usize,
    top: usize,
    inner_w: usize,
    inner_h: usize,
}

impl Target {
    fn rows<'a>(&self, data: &'a mut [f32]) -> impl Iterator<Item = [&'a mut [f32]; 3]> {
        let plane = self.width * self.height;
        let (red, rest) = data.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let (left, top, inner_w, inner_h, width) =
            (self.left, self.top, self.inner_w, self.inner_h, self.width);
        let rows = |plane: &'a mut [f32]| plane.chunks_exact_mut(width).skip(top).take(inner_h);
        rows(red).zip(rows(green)).zip(rows(blue)).map(move |((red, green), blue)| {
            [
                &mut red[left..left + inner_w],
                &mut green[left..left + inner_w],
                &mut blue[left..left + inner_w],
            ]
        })
    }

    fn write_rgb(&self, packed: &[u8], data: &mut [f32]) {
        for (row, [red, green, blue]) in self.rows(data).enumerate() {
            let line = &packed[row * self.inner_w * 3..][..self.inner_w * 3];
            for (x, pixel) in line.chunks_exact(3).enumerate() {
                red[x] = f32::from(pixel[0]);
                green[x] = f32::from(pixel[1]);
                blue[x] = f32::from(pixel[2]);
            }
        }
    }

    fn write_i420(&self, planes: &[Vec<u8>; 3], matrix: Matrix, data: &mut [f32]) {
        let half = self.inner_w.div_ceil(2);
        let coefficients = Coefficients::of(matrix);
        for (row, [red, green, blue]) in self.rows(data).enumerate() {
            let luma = &planes[0][row * self.inner_w..][..self.inner_w];
            let cb = &planes[1][row / 2 * half..][..half];
            let cr = &planes[2][row / 2 * half..][..half];
            for x in 0..self.inner_w {
                [red[x], green[x], blue[x]] = coefficients.rgb(luma[x], cb[x / 2], cr[x / 2]);
            }
        }
    }
}

/// Limited-range YCbCr to RGB (ITU-R BT.601 and BT.709).
#[derive(Clone, Copy)]
pub(crate) struct Coefficients {
    red_cr: f32,
    green_cb: f32,
    green_cr: f32,
    blue_cb: f32,
}

impl Coefficients {
    pub(crate) fn of(matrix: Matrix) -> Self {
        match matrix {
            Matrix::Bt601 => {
                Self { red_cr: 1.596_03, green_cb: 0.391_76, green_cr: 0.812_97, blue_cb: 2.017_23 }
            }
            Matrix::Bt709 => {
                Self { red_cr: 1.792_74, green_cb: 0.213_25, green_cr: 0.532_91, blue_cb: 2.112_40 }
            }
        }
    }

    #[inline]
    pub(crate) fn rgb(&self, luma: u8, cb: u8, cr: u8) -> [f32; 3] {
        let luma = (f32::from(luma) - 16.0) * 1.164_38;
        let (cb, cr) = (f32::from(cb) - 128.0, f32::from(cr) - 128.0);
        [
            (luma + self.red_cr * cr).clamp(0.0, 255.0),
            (luma - self.green_cb * cb - self.green_cr * cr).clamp(0.0, 255.0),
            (luma + self.blue_cb * cb).clamp(0.0, 255.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letterboxing_is_undone() {
        let picture = Picture::rgb(768, 576, vec![10; 768 * 576 * 3]).unwrap();
        let (tensor, placement) = Preprocessor::default().prepare(&picture, 640, 384, Fit::Letterbox);
        assert_eq!(tensor.shape, [1, 3, 384, 640]);
        assert_eq!(
            (tensor.data[0], tensor.data[64], tensor.data[63 + 512], tensor.data[64 + 512]),
            (114.0, 10.0, 10.0, 114.0)
        );
        let back = placement.undo(Rect::new(64.0, 0.0, 576.0, 384.0));
        assert_eq!(back, Rect::new(0.0, 0.0, 768.0, 576.0));
    }

    #[test]
    fn a_part_over_the_edge_is_black_outside_and_itself_inside() {
        // Brighter to the right: 10 a pixel.
        let pixels: Vec<u8> = (0..20 * 20 * 3).map(|at| (at / 3 % 20 * 10) as u8).collect();
        let picture = Picture::rgb(20, 20, pixels).unwrap();
        let tensor = Preprocessor::default().part(&picture, Rect::new(-10.0, 5.0, 10.0, 25.0), 40, 40);
        let at = |x: usize, y: usize| tensor.data[y * 40 + x];
        assert_eq!((at(10, 10), at(19, 10), at(30, 31)), (0.0, 0.0, 0.0), "left of the picture and below it");
        assert!((at(30, 10) - 50.0).abs() <= 5.0 && (at(39, 29) - 95.0).abs() <= 5.0, "{}", at(30, 10));
        // A difference that single precision rounds up.
        let edge = Preprocessor::default().part(&picture, Rect::new(0.3, 0.1, 20.3, 20.1), 40, 40);
        assert!(edge.data.iter().all(|value| (0.0..=190.0).contains(value)));
        let away = Preprocessor::default().part(&picture, Rect::new(30.0, 0.0, 40.0, 10.0), 8, 8);
        assert!(away.data.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn grey_is_grey_in_every_format_and_stride() {
        let plane =
            |w: usize, h: usize, value: u8| Plane { data: vec![value; (w + 5) * h].into(), stride: w + 5 };
        let planes = vec![plane(97, 55, 126), plane(49, 28, 128), plane(49, 28, 128)];
        let picture = Picture::new(97, 55, Format::I420(Matrix::Bt601), planes).unwrap();
        let (tensor, _) = Preprocessor::default().prepare(&picture, 64, 32, Fit::Stretch);
        assert!(tensor.data.iter().all(|value| (value - 128.08).abs() < 0.1), "{:?}", &tensor.data[..4]);
        let small = Preprocessor::default().scale(&picture, 48, 27);
        assert!(small.planes()[0].data.iter().all(|value| *value == 126));
    }
}
