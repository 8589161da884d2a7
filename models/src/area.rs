//! Area averaging for shrinking: every source pixel counts by the share of it that a target pixel covers, as in OpenCV's
//! resizer, which the reference uses. A box over pixel centres, as other libraries have it, takes or leaves whole pixels: on
//! portraits it differed by up to 86 levels, and the network found another cell of the face.

use crate::{Plane, Rect};

/// The source pixels of a target pixel: the first one, and where their weights are.
struct Span {
    first: usize,
    weights: std::ops::Range<usize>,
}

/// For each of the targets over a part of a line of sources.
struct Spans {
    spans: Vec<Span>,
    weights: Vec<f32>,
    /// Sources a target.
    step: f64,
}

impl Spans {
    fn new(from: f32, to: f32, length: usize, count: usize) -> Self {
        // Shares below this are left out, as the reference does.
        const LEAST: f64 = 1e-3;
        let (from, to) = (f64::from(from), f64::from(to));
        let step = (to - from) / count as f64;
        let (mut spans, mut weights) = (Vec::with_capacity(count), Vec::new());
        for index in 0..count {
            let low = from + index as f64 * step;
            let high = (low + step).min(length as f64);
            let first = (low as usize).min(length - 1);
            let last = (high.ceil() as usize).clamp(first + 1, length);
            let share = |at: usize| high.min(at as f64 + 1.0) - low.max(at as f64);
            let first = if share(first) < LEAST { (first + 1).min(last - 1) } else { first };
            let last = if share(last - 1) < LEAST { (last - 1).max(first + 1) } else { last };
            let begin = weights.len();
            weights.extend((first..last).map(|at| (share(at) / (high - low)) as f32));
            spans.push(Span { first, weights: begin..weights.len() });
        }
        Self { spans, weights, step }
    }

    fn of(&self, span: &Span) -> impl Iterator<Item = (usize, f32)> {
        (span.first..).zip(self.weights[span.weights.clone()].iter().copied())
    }
}

/// Shrinks `part` of a plane of `w` x `h` pixels with `BYTES` channels each to `width` pixels a row, as many rows as
/// `packed` has.
pub(crate) fn shrink<const BYTES: usize>(
    plane: &Plane,
    (w, h): (usize, usize),
    part: Rect,
    width: usize,
    packed: &mut [u8],
) {
    let columns = Spans::new(part.x1, part.x2, w, width);
    let rows = Spans::new(part.y1, part.y2, h, packed.len() / (width * BYTES));
    // The reference rounds halves up where four pixels become one, and to even elsewhere.
    let quarters = columns.step == 2.0 && rows.step == 2.0;
    let mut line = vec![0.0_f32; w * BYTES];
    for (target, row) in packed.chunks_exact_mut(width * BYTES).zip(&rows.spans) {
        line.fill(0.0);
        for (at, weight) in rows.of(row) {
            let source = &plane.data[at * plane.stride..][..w * BYTES];
            for (sum, value) in line.iter_mut().zip(source) {
                *sum += weight * f32::from(*value);
            }
        }
        let pixels = line.as_chunks::<BYTES>().0;
        for (pixel, column) in target.as_chunks_mut::<BYTES>().0.iter_mut().zip(&columns.spans) {
            let mut sums = [0.0_f32; BYTES];
            for (at, weight) in columns.of(column) {
                sums.iter_mut().zip(&pixels[at]).for_each(|(sum, value)| *sum += weight * value);
            }
            *pixel = sums.map(|sum| if quarters { sum.round() as u8 } else { sum.round_ties_even() as u8 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_counts_by_the_share_that_is_covered() {
        // Five pixels to two: each takes two and half of the middle one.
        let plane = Plane { data: vec![10, 20, 100, 30, 50, 0, 7].into(), stride: 7 };
        let mut line = [0; 2];
        shrink::<1>(&plane, (5, 1), Rect::new(0.0, 0.0, 5.0, 1.0), 2, &mut line);
        assert_eq!(line, [32, 52]); // (10 + 20 + 50) / 2.5, (50 + 30 + 50) / 2.5
        // A part's edge cuts through pixels.
        let mut part = [0; 1];
        shrink::<1>(&plane, (5, 1), Rect::new(0.5, 0.0, 2.5, 1.0), 1, &mut part);
        assert_eq!(part, [38]); // (5 + 20 + 50) / 2, to even
    }

    #[test]
    fn it_is_what_the_reference_makes() {
        // cv2.resize(picture, (3, 4), interpolation=cv2.INTER_AREA) of OpenCV 5.0.0.
        const EXPECTED: [u8; 36] = [
            53, 124, 174, 149, 135, 131, 117, 82, 121, 137, 165, 151, 122, 108, 147, 107, 114, 111, 145, 120,
            106, 136, 154, 150, 127, 123, 130, 101, 97, 147, 108, 105, 101, 116, 113, 120,
        ];
        let pixel = |at: usize| {
            let (x, y) = (at % 8, at / 8);
            [0, 1, 2].map(|channel| (x * 37 + y * 53 + channel * 71 + x * y * 11) as u8)
        };
        let plane = Plane { data: (0..48).flat_map(pixel).collect::<Vec<_>>().into(), stride: 24 };
        let mut small = [0; 36];
        shrink::<3>(&plane, (8, 6), Rect::new(0.0, 0.0, 8.0, 6.0), 3, &mut small);
        assert_eq!(small, EXPECTED);
    }

    #[test]
    fn halves_go_up_where_four_become_one_and_to_even_elsewhere() {
        let plane = Plane { data: vec![1, 9, 2, 8, 1, 9, 3, 8].into(), stride: 4 };
        let mut two = [0; 2];
        // Two channels: (1 + 2 + 1 + 3) / 4 and (9 + 8 + 9 + 8) / 4.
        shrink::<2>(&plane, (2, 2), Rect::new(0.0, 0.0, 2.0, 2.0), 1, &mut two);
        assert_eq!(two, [2, 9]);
        let row = Plane { data: vec![0, 1, 2, 3].into(), stride: 4 };
        let mut halves = [0; 2];
        shrink::<1>(&row, (4, 1), Rect::new(0.0, 0.0, 4.0, 1.0), 2, &mut halves);
        assert_eq!(halves, [0, 2]);
    }
}
