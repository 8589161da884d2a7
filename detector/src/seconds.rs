//! What readers outside get: the objects that all cameras of a partition saw in a second, as one message.

use std::collections::HashMap;

use cortex_analytics::{Batch, Detections, Table};
use cortex_proto::v1;
use cortex_runtime::{Key, Stage as _, telemetry::StageMetrics};

use crate::Detector;

/// The seconds of all partitions that are not yet over.
pub(crate) struct Seconds {
    open: HashMap<u32, Second>,
    metrics: StageMetrics,
}

/// A second of one partition. Cameras have clocks of their own, so it is over when it is for any of them.
#[derive(Default)]
struct Second {
    seen: Detections,
    /// Stream time at which it began for each camera.
    began: HashMap<Key, i64>,
}

const SECOND_US: i64 = 1_000_000;
/// Rows after which a second is over, however short: about a megabyte, what a cluster takes as one message.
const MOST: usize = 8192;

impl Seconds {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { open: HashMap::new(), metrics: StageMetrics::new(Detector::NAME) }
    }

    /// Time passed for a camera, with or without something seen. Answers the second that is over with that.
    pub(crate) fn take(
        &mut self,
        partition: u32,
        camera: &Key,
        site: &str,
        seen: &v1::Detections,
    ) -> Option<Batch> {
        let over = self.over(partition, camera, seen.time_us);
        if !seen.objects.is_empty() {
            let second = self.open.entry(partition).or_default();
            second.began.entry(camera.clone()).or_insert(seen.time_us);
            second.seen.take(site, seen);
        }
        over
    }

    /// The second of a partition, if it is over now that it is this late for a camera.
    pub(crate) fn over(&mut self, partition: u32, camera: &Key, now_us: i64) -> Option<Batch> {
        let second = self.open.get_mut(&partition)?;
        let began = *second.began.entry(camera.clone()).or_insert(now_us);
        // Time that goes back is another epoch.
        if (0..SECOND_US).contains(&(now_us - began)) && second.seen.rows() < MOST {
            return None;
        }
        let mut second = self.open.remove(&partition)?;
        Some(Batch::new(partition, second.seen.finish()))
    }

    /// Forgets a camera. With the last one of a partition goes what was not yet over: it is in the store.
    pub(crate) fn release(&mut self, camera: &Key) {
        let before = self.open.len();
        self.open.retain(|_, second| {
            second.began.remove(camera);
            !second.began.is_empty()
        });
        self.metrics.dropped("released", (before - self.open.len()) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(time_us: i64, objects: usize) -> v1::Detections {
        let object = v1::Object { r#box: Some(v1::Box::default()), ..Default::default() };
        v1::Detections { time_us, objects: vec![object; objects], ..Default::default() }
    }

    #[test]
    fn a_second_is_over_when_it_is_for_any_camera() {
        let (mut seconds, one, other) = (Seconds::new(), Key::from("one"), Key::from("other"));
        let mut rows = |camera: &Key, time_us, objects| {
            seconds.take(0, camera, "", &seen(time_us, objects)).map(|batch| batch.rows().num_rows())
        };
        let year_us = 30_000_000_000_000;
        assert_eq!(rows(&one, 0, 0), None, "nothing seen, nothing begun");
        assert_eq!(rows(&one, 400_000, 2), None);
        assert_eq!(rows(&other, year_us, 3), None, "another clock");
        assert_eq!(rows(&one, 1_300_000, 1), None);
        assert_eq!(rows(&one, 1_400_000, 5), Some(6), "what ends it is in the next");
        assert_eq!(rows(&other, year_us + 1_000_000, 0), None);
        assert_eq!(rows(&one, 100_000, 0), Some(5), "a loop");
        assert_eq!(rows(&other, year_us + 1_100_000, MOST), None);
        assert_eq!(rows(&other, year_us + 1_100_000, 1), Some(MOST));
        let elsewhere = seconds.take(1, &one, "", &seen(0, 1));
        assert!(elsewhere.is_none());
        seconds.release(&other);
        assert!(!seconds.open.contains_key(&0), "nothing is left of a partition that is another's");
        assert!(seconds.over(1, &one, 2_000_000).is_some());
    }
}
