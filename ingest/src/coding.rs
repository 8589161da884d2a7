//! How a stream is coded, as its frames tell on their way to the decoder.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer::{self as gst, prelude::*};

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Coding {
    /// Times in the stream in microseconds, in the order in which frames come.
    pts_us: Vec<i64>,
    keys_us: Vec<i64>,
    bytes: usize,
    /// As the stream names it: `high`, `main`, `constrained-baseline` ...
    pub(crate) profile: String,
}

/// Frames that are remembered: more than a probe lasts.
const FRAMES: usize = 4096;
/// A step between frames that differs by so much of the middle one is another rate.
const UNEVEN: f64 = 0.5;

pub(crate) fn lock(coding: &Arc<Mutex<Coding>>) -> MutexGuard<'_, Coding> {
    coding.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches what reaches a decoder.
pub(crate) fn attach(coding: &Arc<Mutex<Coding>>, decoder: &gst::Element) {
    let Some(pad) = decoder.static_pad("sink") else { return };
    let coding = Arc::clone(coding);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
            && let Some(pts) = buffer.pts()
        {
            let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let mut coding = lock(&coding);
            coding.take(key, pts.useconds() as i64, buffer.size());
            if coding.profile.is_empty() {
                let caps = pad.current_caps();
                let profile = caps.as_ref().and_then(|caps| caps.structure(0)?.get::<String>("profile").ok());
                coding.profile = profile.unwrap_or_default();
            }
        }
        gst::PadProbeReturn::Ok
    });
}

impl Coding {
    fn take(&mut self, key: bool, pts_us: i64, bytes: usize) {
        if self.pts_us.len() == FRAMES {
            return;
        }
        self.pts_us.push(pts_us);
        self.bytes += bytes;
        if key {
            self.keys_us.push(pts_us);
        }
    }

    /// Seconds between key frames, the longest so far. `None` before the second.
    pub(crate) fn key_interval_s(&self) -> Option<f32> {
        self.keys_us.windows(2).map(|pair| (pair[1] - pair[0]) as f32 / 1e6).max_by(f32::total_cmp)
    }

    /// Kilobits a second; 0 before the second frame.
    pub(crate) fn kilobits(&self) -> f32 {
        let (first, last) = (self.pts_us.iter().min(), self.pts_us.iter().max());
        let seconds = first.zip(last).map_or(0.0, |(first, last)| (last - first) as f32 / 1e6);
        if seconds > 0.0 { self.bytes as f32 * 8.0 / 1000.0 / seconds } else { 0.0 }
    }

    /// Frames come in another order than they are shown (B-frames).
    pub(crate) fn is_reordered(&self) -> bool {
        self.pts_us.windows(2).any(|pair| pair[1] < pair[0])
    }

    /// The rate varies: of the steps between pictures a tenth is far from the middle one.
    pub(crate) fn is_uneven(&self) -> bool {
        let mut shown = self.pts_us.clone();
        shown.sort_unstable();
        let mut steps: Vec<f64> = shown.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        if steps.len() < 20 {
            return false;
        }
        steps.sort_unstable_by(f64::total_cmp);
        let middle = steps[steps.len() / 2];
        let far = steps.iter().filter(|step| (**step - middle).abs() > UNEVEN * middle).count();
        far * 10 > steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_hurt_are_seen() {
        let mut good = Coding::default();
        (0..100).for_each(|i| good.take(i % 50 == 0, i * 40_000, 1000));
        assert_eq!(good.key_interval_s(), Some(2.0));
        assert!((good.kilobits() - 202.0).abs() < 1.0, "{}", good.kilobits());
        assert!(!good.is_reordered() && !good.is_uneven());
        let mut bad = Coding::default();
        for i in 0..50 {
            // Shown 0 2 1 4 3 ..., and every third step twice as long.
            let place = if i % 2 == 1 { i + 1 } else { (i - 1).max(0) };
            bad.take(i == 0, (place + place / 3) * 40_000, 1000);
        }
        assert!(bad.is_reordered() && bad.is_uneven() && bad.key_interval_s().is_none());
    }
}
