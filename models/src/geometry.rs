//! Rectangles in pixels.

/// An upright rectangle; x to the right, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x1: f32,
    /// Upper edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Lower edge.
    pub y2: f32,
}

impl Rect {
    /// From its edges: left, upper, right, lower.
    pub fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// Width; never negative.
    pub fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    /// Height; never negative.
    pub fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    /// Area.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// Centre: x, y.
    pub fn centre(&self) -> (f32, f32) {
        ((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// The part shared with another rectangle, as an area.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let height = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        width * height
    }

    /// Intersection over union, 0..1.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        shared / (self.area() + other.area() - shared).max(1e-9)
    }

    /// Cut to a picture of this size.
    pub fn clip(&self, width: f32, height: f32) -> Self {
        Self {
            x1: self.x1.clamp(0.0, width),
            y1: self.y1.clamp(0.0, height),
            x2: self.x2.clamp(0.0, width),
            y2: self.y2.clamp(0.0, height),
        }
    }

    /// Grown about its centre by these factors.
    pub fn grow(&self, horizontally: f32, vertically: f32) -> Self {
        let (x, y) = self.centre();
        let (w, h) = (self.width() * horizontally / 2.0, self.height() * vertically / 2.0);
        Self { x1: x - w, y1: y - h, x2: x + w, y2: y + h }
    }
}

/// Greedy non-maximum suppression: indices that stay, best first. `same(a, b)` says whether two boxes compete.
pub fn nms(boxes: &[Rect], scores: &[f32], iou: f32, same: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len().min(scores.len())).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        if kept.iter().all(|other| !same(*other, index) || boxes[*other].iou(&boxes[index]) <= iou) {
            kept.push(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppression_keeps_the_best_of_each_kind() {
        let boxes = [
            Rect::new(0.0, 0.0, 10.0, 10.0),
            Rect::new(1.0, 0.0, 11.0, 10.0),
            Rect::new(0.0, 0.0, 10.0, 10.0),
        ];
        let kinds = [0, 0, 1];
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.4], 0.6, |a, b| kinds[a] == kinds[b]), [1, 2]);
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.4], 0.6, |_, _| true), [1]);
    }
}
