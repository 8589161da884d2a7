//! Linear interpolation between the nearest two pixels each way, in the fixed point of OpenCV's resizer, which the
//! reference uses: weights of 11 bits, four bits dropped in between. Rounding otherwise moves a level here and there, and
//! a network in eight-bit numbers moves its boxes by two pixels for it.

use crate::{Plane, Rect};

const ONE: f32 = 2048.0;

/// Two neighbours and their weights.
#[derive(Clone, Copy)]
struct Tap {
    indices: [usize; 2],
    weights: [i16; 2],
}

/// For each of `count` targets over `from..to` of `length` sources.
fn taps(from: f32, to: f32, length: usize, count: usize) -> Vec<Tap> {
    let last = length as f32 - 1.0;
    let (low, high) = (from.floor().min(last), (to.ceil() - 1.0).clamp(0.0, last));
    let step = (to - from) / count as f32;
    let tap = |index: usize| {
        let at = (from + (index as f32 + 0.5) * step - 0.5).max(low).min(high);
        let (near, part) = (at as usize, at.fract());
        let weights = [1.0 - part, part].map(|weight| (weight * ONE).round_ties_even() as i16);
        Tap { indices: [near, (near + 1).min(high as usize)], weights }
    };
    (0..count).map(tap).collect()
}

/// Resizes `part` of a plane of `w` x `h` pixels with `BYTES` channels each to `width` pixels a row, as many rows as
/// `packed` has.
pub(crate) fn resize<const BYTES: usize>(
    plane: &Plane,
    (w, h): (usize, usize),
    part: Rect,
    width: usize,
    packed: &mut [u8],
) {
    let columns = taps(part.x1, part.x2, w, width);
    let rows = taps(part.y1, part.y2, h, packed.len() / (width * BYTES));
    // The last two rows of the source, as wide as the target.
    let mut lines = [(usize::MAX, vec![0; width * BYTES]), (usize::MAX, vec![0; width * BYTES])];
    for (target, Tap { indices, weights: [above, below] }) in packed.chunks_exact_mut(width * BYTES).zip(rows)
    {
        if lines[1].0 == indices[0] {
            lines.swap(0, 1);
        }
        for ((have, line), index) in lines.iter_mut().zip(indices) {
            if *have != index {
                *have = index;
                squeeze::<BYTES>(&plane.data[index * plane.stride..][..w * BYTES], &columns, line);
            }
        }
        let [(_, top), (_, bottom)] = &lines;
        for ((value, top), bottom) in target.iter_mut().zip(top).zip(bottom) {
            *value = ((high(*top, above) + high(*bottom, below) + 2) >> 2) as u8;
        }
    }
}

/// The upper half of a product.
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// One row at the target's width, 128 times as large.
fn squeeze<const BYTES: usize>(row: &[u8], columns: &[Tap], line: &mut [i16]) {
    let (row, line) = (row.as_chunks::<BYTES>().0, line.as_chunks_mut::<BYTES>().0);
    for (pixel, Tap { indices: [left, right], weights }) in line.iter_mut().zip(columns) {
        let [first, second] = weights.map(i32::from);
        for ((value, left), right) in pixel.iter_mut().zip(row[*left]).zip(row[*right]) {
            *value = ((i32::from(left) * first + i32::from(right) * second) >> 4) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp_and_edges_stay() {
        let plane =
            Plane { data: (0..12u8).flat_map(|x| [x * 20, 7]).collect::<Vec<_>>().into(), stride: 12 };
        let mut half = [0; 6];
        // Two rows of three pixels with two channels, of six: centres fall between two pixels.
        resize::<2>(&plane, (6, 2), Rect::new(0.0, 0.0, 6.0, 1.0), 3, &mut half);
        assert_eq!(half, [10, 7, 50, 7, 90, 7]);
        let mut wide = [0; 24];
        resize::<2>(&plane, (6, 2), Rect::new(0.0, 0.0, 6.0, 1.0), 12, &mut wide);
        assert_eq!((wide[0], wide[2], wide[22]), (0, 5, 100), "edges are held, not invented");
        // A part's edge does not look beyond the part.
        let mut part = [0; 4];
        resize::<2>(&plane, (6, 2), Rect::new(1.0, 1.0, 2.0, 2.0), 2, &mut part);
        assert_eq!(part, [140, 7, 140, 7]);
    }
}
