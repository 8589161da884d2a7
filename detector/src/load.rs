//! How much of what comes can be analysed, and whose pictures are given up when it is too much.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use cortex_proto::v1::{self, Priority};
use cortex_runtime::{Key, Tables};

/// The share of its pictures that a camera of low, normal and high priority keeps, step by step. What is above the last
/// step gives way on the bus, camera by camera, to what is newer.
const STEPS: [[f32; 3]; 9] = [
    [1.0, 1.0, 1.0],
    [0.5, 1.0, 1.0],
    [0.25, 1.0, 1.0],
    [0.25, 0.5, 1.0],
    [0.25, 0.25, 1.0],
    [0.25, 0.25, 0.5],
    [0.125, 0.25, 0.5],
    [0.125, 0.125, 0.5],
    [0.125, 0.125, 0.25],
];
/// A step is taken when less would not do: this share of the time is busy, or pictures were lost.
const FULL: f32 = 0.9;
/// A step is taken back only when there is room to spare.
const ROOM: f32 = 0.7;
/// How often it is judged.
const EVERY: Duration = Duration::from_secs(2);

/// What one worker has to do.
#[derive(Debug, Default)]
pub(crate) struct Load {
    step: usize,
    since: Option<Instant>,
    busy: Duration,
    taken: u32,
    lost: u32,
    /// Pictures of each camera in this time, lost ones counted, and its priority.
    came: HashMap<Key, (u32, Priority)>,
}

impl Load {
    /// Pictures of a camera came: one that was taken, and those that had given way to it.
    pub(crate) fn came(&mut self, key: &Key, priority: Priority, lost: u64) {
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        let (came, known) = self.came.entry(key.clone()).or_insert((0, priority));
        (*came, *known) = (came.saturating_add(1).saturating_add(lost), priority);
        (self.taken, self.lost) = (self.taken + 1, self.lost.saturating_add(lost));
    }

    /// Time was spent on pictures.
    pub(crate) fn took(&mut self, time: Duration) {
        self.busy += time;
    }

    /// Looks back, every two seconds.
    pub(crate) fn judge(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(*self.since.get_or_insert(now));
        if passed < EVERY {
            return;
        }
        let cost = self.busy.as_secs_f32() / self.taken.max(1) as f32;
        // What would be busy at a step, of what would have come without any.
        let busy = |step: &[f32; 3]| -> f32 {
            let pictures = self.came.values().map(|(came, priority)| {
                let class = class(*priority);
                *came as f32 / STEPS[self.step][class] * step[class]
            });
            pictures.sum::<f32>() * cost / passed.as_secs_f32()
        };
        let fits = |most: f32| STEPS.iter().position(|step| busy(step) <= most).unwrap_or(STEPS.len() - 1);
        self.step = if self.lost * 20 > self.taken {
            // Something else may keep it busy: then it can do less than it seems.
            fits(FULL).max(self.step + 1).min(STEPS.len() - 1)
        } else {
            self.step.min(fits(ROOM))
        };
        *self = Self { step: self.step, since: Some(now), ..Self::default() };
    }

    /// The share of its pictures that a camera of this priority keeps now, above 0 to 1.
    pub(crate) fn share(&self, priority: Priority) -> f32 {
        STEPS[self.step][class(priority)]
    }
}

/// The priority of a camera; of one that nobody added the normal one.
pub(crate) fn priority(tables: &Tables, camera: &str) -> Priority {
    tables.cameras.get(camera).map_or(Priority::Normal, v1::Camera::priority)
}

fn class(priority: Priority) -> usize {
    match priority {
        Priority::Low => 0,
        Priority::Normal | Priority::Unspecified => 1,
        Priority::High => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERAS: [(&str, Priority); 3] =
        [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];
    /// Time that one picture takes.
    const COST: Duration = Duration::from_millis(100);

    /// Seconds of three cameras with `rate` pictures a second each: the shares at their end.
    fn after(load: &mut Load, begun: Instant, rate: f32, seconds: std::ops::Range<u64>) -> [f32; 3] {
        for second in seconds {
            let shares = CAMERAS.map(|(_, priority)| load.share(priority));
            let wanted = shares.iter().map(|share| share * rate).sum::<f32>();
            // What does not fit into the second is lost, of all alike.
            let fits = (1.0 / (COST.as_secs_f32() * wanted)).min(1.0);
            for ((name, priority), share) in CAMERAS.iter().zip(shares) {
                let (came, taken) = ((share * rate).round() as u64, (share * rate * fits).round() as u64);
                for n in 0..taken {
                    let lost = if n == 0 { came - taken } else { 0 };
                    load.came(&Key::from(*name), *priority, lost);
                    load.took(COST);
                }
            }
            load.judge(begun + Duration::from_secs(second));
        }
        CAMERAS.map(|(_, priority)| load.share(priority))
    }

    #[test]
    fn low_ones_give_way_first_and_all_come_back() {
        let (mut load, begun) = (Load::default(), Instant::now());
        assert_eq!(after(&mut load, begun, 2.0, 0..10), [1.0, 1.0, 1.0], "it fits");
        let busy = after(&mut load, begun, 4.0, 10..20);
        assert!(busy[0] < 1.0 && busy[1] == 1.0 && busy[2] == 1.0, "a little too much: {busy:?}");
        let busy = after(&mut load, begun, 5.0, 20..30);
        assert!(busy[0] < 1.0 && busy[1] < 1.0 && busy[2] == 1.0, "half too much: {busy:?}");
        assert_eq!(after(&mut load, begun, 5.0, 30..60), busy, "it does not swing");
        let busy = after(&mut load, begun, 40.0, 60..80);
        assert!(busy[2] < 1.0 && busy[2] > busy[1], "far too much: {busy:?}");
        assert_eq!(after(&mut load, begun, 2.0, 80..100), [1.0, 1.0, 1.0]);
    }
}
