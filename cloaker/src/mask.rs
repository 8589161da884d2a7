//! Redaction of pixels.

use cortex_models::{Format, Picture, Plane};

use crate::Style;

/// A part of a picture that is redacted, normalised to the picture; an ellipse would show an ear, so it is a
/// rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x1: f32,
    /// Upper edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Lower edge.
    pub y2: f32,
}

/// Cells across a region. A face of six cells tells nobody apart: McPherson et al. (2016) recognised people in
/// mosaics of sixteen cells and more.
const CELLS: usize = 6;
/// Luma and chroma of a solid region: middle grey.
const GREY: [u8; 3] = [110, 128, 128];

impl Region {
    /// The whole picture.
    pub const WHOLE: Self = Self { x1: 0.0, y1: 0.0, x2: 1.0, y2: 1.0 };

    /// In pixels of a plane: left, top, right, bottom, cut to it. Grown outwards to whole pixels; what is not a number
    /// is the edge.
    fn pixels(&self, width: usize, height: usize) -> (usize, usize, usize, usize) {
        let low = |value: f32, size: usize| {
            let at = (value * size as f32).floor();
            if at.is_nan() { 0 } else { at.clamp(0.0, size as f32) as usize }
        };
        let high = |value: f32, size: usize| {
            let at = (value * size as f32).ceil();
            if at.is_nan() { size } else { at.clamp(0.0, size as f32) as usize }
        };
        // Edges the wrong way round are still an area to cover.
        let (x1, x2) = if self.x1 > self.x2 { (self.x2, self.x1) } else { (self.x1, self.x2) };
        let (y1, y2) = if self.y1 > self.y2 { (self.y2, self.y1) } else { (self.y1, self.y2) };
        (low(x1, width), low(y1, height), high(x2, width), high(y2, height))
    }
}

/// A copy of the picture with these regions redacted.
pub fn mask(picture: &Picture, regions: &[Region], style: Style) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let (bytes, divisors): (usize, &[usize]) = match picture.format() {
        Format::Rgb => (3, &[1]),
        Format::I420(_) => (1, &[1, 2, 2]),
    };
    let planes = picture.planes().iter().zip(divisors).enumerate().map(|(index, (plane, divisor))| {
        let (w, h) = (width.div_ceil(*divisor), height.div_ceil(*divisor));
        let row = w * bytes;
        let mut data = Vec::with_capacity(row * h);
        plane.data.chunks(plane.stride).take(h).for_each(|line| data.extend_from_slice(&line[..row]));
        for region in regions {
            let area = region.pixels(w, h);
            match style {
                Style::Solid => {
                    solid(&mut data, row, bytes, area, if bytes == 3 { GREY[0] } else { GREY[index] })
                }
                Style::Cells => cells(&mut data, row, bytes, area),
            }
        }
        Plane { data: data.into(), stride: row }
    });
    Picture::new(width, height, picture.format(), planes.collect())
        .expect("the planes are those of a picture")
}

fn solid(
    data: &mut [u8],
    row: usize,
    bytes: usize,
    (x1, y1, x2, y2): (usize, usize, usize, usize),
    value: u8,
) {
    for y in y1..y2 {
        if x2 > x1 {
            data[y * row + x1 * bytes..y * row + x2 * bytes].fill(value);
        }
    }
}

/// Every cell gets its mean. Cells are counted on the shorter side, so that none is smaller than a sixth of it.
fn cells(data: &mut [u8], row: usize, bytes: usize, (x1, y1, x2, y2): (usize, usize, usize, usize)) {
    if x2 <= x1 || y2 <= y1 {
        return;
    }
    let size = (x2 - x1).min(y2 - y1).div_ceil(CELLS).max(1);
    for top in (y1..y2).step_by(size) {
        for left in (x1..x2).step_by(size) {
            let (bottom, right) = ((top + size).min(y2), (left + size).min(x2));
            for channel in 0..bytes {
                let mut sum = 0_u32;
                for y in top..bottom {
                    for x in left..right {
                        sum += u32::from(data[y * row + x * bytes + channel]);
                    }
                }
                let mean = (sum / ((bottom - top) * (right - left)) as u32) as u8;
                for y in top..bottom {
                    for x in left..right {
                        data[y * row + x * bytes + channel] = mean;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cortex_models::Matrix;
    use proptest::prelude::*;

    use super::*;

    fn noise(width: usize, height: usize) -> Picture {
        let plane = |w: usize, h: usize| Plane {
            data: (0..(w + 3) * h).map(|i| ((i * 2_654_435_761) >> 11) as u8).collect::<Vec<_>>().into(),
            stride: w + 3,
        };
        let half = (width.div_ceil(2), height.div_ceil(2));
        let planes = vec![plane(width, height), plane(half.0, half.1), plane(half.0, half.1)];
        Picture::new(width, height, Format::I420(Matrix::Bt601), planes).unwrap()
    }

    proptest! {
        #[test]
        fn inside_is_coarse_and_outside_untouched(x1 in -0.5..1.2_f32, y1 in -0.5..1.2_f32, w in 0.0..1.0_f32, h in 0.0..1.0_f32) {
            let picture = noise(61, 47);
            let region = Region { x1, y1, x2: x1 + w, y2: y1 + h };
            let masked = mask(&picture, &[region], Style::Cells);
            let (left, top, right, bottom) = region.pixels(61, 47);
            let at = |picture: &Picture, x: usize, y: usize| picture.planes()[0].data[y * picture.planes()[0].stride + x];
            let mut kinds = std::collections::BTreeSet::new();
            for y in 0..47 {
                for x in 0..61 {
                    if (left..right).contains(&x) && (top..bottom).contains(&y) {
                        kinds.insert(at(&masked, x, y));
                    } else {
                        prop_assert_eq!(at(&masked, x, y), at(&picture, x, y));
                    }
                }
            }
            if right > left && bottom > top {
                let short = (right - left).min(bottom - top);
                let long = (right - left).max(bottom - top);
                let size = short.div_ceil(6).max(1);
                prop_assert!(kinds.len() <= 6 * long.div_ceil(size), "{} values", kinds.len());
            }
        }
    }

    #[test]
    fn no_region_panics_and_what_is_not_a_number_covers_all() {
        let picture = noise(16, 16);
        let nothing = Region { x1: f32::NAN, y1: f32::NAN, x2: f32::NAN, y2: f32::NAN };
        let masked = mask(&picture, &[nothing], Style::Solid);
        assert!(masked.planes()[0].data.iter().all(|luma| *luma == GREY[0]));
        assert!(masked.planes()[2].data.iter().all(|chroma| *chroma == GREY[2]));
        let inverted = Region { x1: 0.9, y1: 0.9, x2: 0.1, y2: f32::INFINITY };
        mask(&picture, &[inverted, Region::WHOLE], Style::Cells);
    }
}
