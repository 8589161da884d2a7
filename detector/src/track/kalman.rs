//! A box that moves: constant velocity of centre and size, each dimension by itself (Kalman 1960; noise in shares of
//! the box's height as in DeepSORT, Wojke et al. 2017).

use cortex_models::Rect;
use serde::{Deserialize, Serialize};

/// Standard deviation of a measured place, in heights.
const PLACE: f32 = 1.0 / 20.0;
/// Standard deviation of the change of velocity in one step of a tenth of a second, in heights per step.
const CHANGE: f32 = 1.0 / 60.0;
/// The step that the noise is given for, in seconds.
const STEP: f32 = 0.1;

/// One dimension: value, velocity per second, and their covariance.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Axis {
    value: f32,
    velocity: f32,
    covariance: [f32; 3],
}

impl Axis {
    fn new(value: f32, scale: f32) -> Self {
        let (p, v) = (2.0 * PLACE * scale, 10.0 * CHANGE * scale / STEP);
        Self { value, velocity: 0.0, covariance: [p * p, 0.0, v * v] }
    }

    fn predict(&mut self, dt: f32, scale: f32) {
        let [a, b, c] = self.covariance;
        let noise = (CHANGE * scale / STEP).powi(2) * (dt / STEP).max(0.1);
        self.value += self.velocity * dt;
        self.covariance =
            [a + 2.0 * dt * b + dt * dt * c + (PLACE * scale).powi(2) * dt, b + dt * c, c + noise];
    }

    fn correct(&mut self, measured: f32, deviation: f32) {
        let [a, b, c] = self.covariance;
        let sum = a + deviation * deviation;
        let (k, l) = (a / sum, b / sum);
        let error = measured - self.value;
        self.value += k * error;
        self.velocity += l * error;
        self.covariance = [(1.0 - k) * a, (1.0 - k) * b, c - l * b];
    }
}

/// The motion of a box, in pixels.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Motion {
    x: Axis,
    y: Axis,
    w: Axis,
    h: Axis,
}

impl Motion {
    pub(super) fn new(rect: Rect) -> Self {
        let (x, y) = rect.centre();
        let scale = rect.height();
        Self {
            x: Axis::new(x, scale),
            y: Axis::new(y, scale),
            w: Axis::new(rect.width(), scale),
            h: Axis::new(scale, scale),
        }
    }

    /// Lets `dt` seconds pass.
    pub(super) fn predict(&mut self, dt: f32) {
        let scale = self.h.value.max(1.0);
        [&mut self.x, &mut self.y, &mut self.w, &mut self.h]
            .into_iter()
            .for_each(|axis| axis.predict(dt, scale));
        // The size of what is not seen does not run away.
        self.w.velocity *= 0.9;
        self.h.velocity *= 0.9;
    }

    /// Takes a measured box in; `trust` 1 for a detection, less for a carried one.
    pub(super) fn correct(&mut self, rect: Rect, trust: f32) {
        let deviation = PLACE * self.h.value.max(1.0) / trust;
        let (x, y) = rect.centre();
        self.x.correct(x, deviation);
        self.y.correct(y, deviation);
        self.w.correct(rect.width(), deviation);
        self.h.correct(rect.height(), deviation);
    }

    /// Where the box is now.
    pub(super) fn rect(&self) -> Rect {
        let (w, h) = (self.w.value.max(2.0) / 2.0, self.h.value.max(2.0) / 2.0);
        Rect::new(self.x.value - w, self.y.value - h, self.x.value + w, self.y.value + h)
    }

    /// Velocity of the centre in pixels per second.
    pub(super) fn velocity(&self) -> (f32, f32) {
        (self.x.velocity, self.y.velocity)
    }

    /// The view moved, and everything with it, by so many pixels.
    pub(super) fn shift(&mut self, (dx, dy): (f32, f32)) {
        self.x.value += dx;
        self.y.value += dy;
    }

    /// The picture has another size: everything in it is so many times as wide and as high.
    pub(super) fn scale(&mut self, (x, y): (f32, f32)) {
        for (axis, by) in [(&mut self.x, x), (&mut self.w, x), (&mut self.y, y), (&mut self.h, y)] {
            (axis.value, axis.velocity) = (axis.value * by, axis.velocity * by);
            axis.covariance = axis.covariance.map(|covariance| covariance * by * by);
        }
    }

    /// A hidden thing slows down: it stands behind something, or went another way.
    pub(super) fn slow_down(&mut self, factor: f32) {
        self.x.velocity *= factor;
        self.y.velocity *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_walk_is_learnt_and_coasted() {
        let at = |t: f32| Rect::new(100.0 + 30.0 * t, 50.0, 140.0 + 30.0 * t, 170.0);
        let mut motion = Motion::new(at(0.0));
        for step in 1..=20 {
            motion.predict(0.1);
            motion.correct(at(step as f32 * 0.1), 1.0);
        }
        assert!((motion.velocity().0 - 30.0).abs() < 3.0, "{:?}", motion.velocity());
        motion.predict(1.0);
        assert!(motion.rect().iou(&at(3.0)) > 0.8);
    }
}
