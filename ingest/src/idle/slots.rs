//! How many frames are decoded at once, and whose comes first.

use std::{
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use cortex_proto::v1::Priority;

/// As many as there are cores. Every camera has a thread of its own that decodes; if a hundred of them had work at once,
/// those that read from the network, detect and tell would wait for a hundred turns.
#[derive(Debug)]
pub(super) struct Slots {
    line: Mutex<Line>,
    /// For those that wait, by rank.
    freed: [Condvar; RANKS],
}

#[derive(Debug)]
struct Line {
    free: usize,
    waiting: [usize; RANKS],
}

/// Of one frame, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(Option<&'a Slots>);

const RANKS: usize = 3;
/// No frame takes so long: a decoder that hangs keeps nobody from decoding, and those that come last are not forgotten.
const PATIENCE: Duration = Duration::from_millis(500);

static SLOTS: LazyLock<Slots> =
    LazyLock::new(|| Slots::new(thread::available_parallelism().map_or(1, usize::from)));

/// Waits for one of this process's slots.
pub(super) fn take(priority: Priority) -> Slot<'static> {
    SLOTS.take(priority, PATIENCE)
}

impl Slots {
    fn new(count: usize) -> Self {
        let line = Line { free: count, waiting: [0; RANKS] };
        Self { line: Mutex::new(line), freed: Default::default() }
    }

    fn take(&self, priority: Priority, patience: Duration) -> Slot<'_> {
        let rank = rank(priority);
        let mut line = self.lock();
        line.waiting[rank] += 1;
        let wait = self.freed[rank].wait_timeout_while(line, patience, |line| !line.is_turn(rank));
        let (mut line, _) = wait.unwrap_or_else(PoisonError::into_inner);
        line.waiting[rank] -= 1;
        if line.free == 0 {
            return Slot(None);
        }
        line.free -= 1;
        Slot(Some(self))
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// A slot is free, and nobody of a better rank waits for it.
    fn is_turn(&self, rank: usize) -> bool {
        self.free > 0 && self.waiting[..rank].iter().all(|waiting| *waiting == 0)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(slots) = self.0 {
            let mut line = slots.lock();
            line.free += 1;
            if let Some(rank) = line.waiting.iter().position(|waiting| *waiting > 0) {
                slots.freed[rank].notify_one();
            }
        }
    }
}

/// 0 comes first.
fn rank(priority: Priority) -> usize {
    match priority {
        Priority::High => 0,
        Priority::Normal | Priority::Unspecified => 1,
        Priority::Low => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn no_more_than_there_are_and_nobody_waits_for_ever() {
        let slots = Slots::new(2);
        let take = |patience| slots.take(Priority::Normal, patience);
        let (one, two) = (take(PATIENCE), take(PATIENCE));
        let three = take(Duration::ZERO);
        assert!(one.0.is_some() && two.0.is_some() && three.0.is_none());
        drop(three);
        assert_eq!(slots.lock().free, 0, "what was not taken is not given back");
        drop(one);
        assert!(take(Duration::ZERO).0.is_some());
    }

    #[test]
    fn the_better_rank_comes_first() {
        let slots = Slots::new(1);
        let (sender, order) = mpsc::channel();
        thread::scope(|scope| {
            let first = slots.take(Priority::Low, Duration::MAX);
            for (count, priority) in [Priority::Low, Priority::Normal, Priority::High].into_iter().enumerate()
            {
                let (sender, slots) = (sender.clone(), &slots);
                scope.spawn(move || {
                    let slot = slots.take(priority, Duration::MAX);
                    sender.send(priority).unwrap();
                    drop(slot);
                });
                while slots.lock().waiting.iter().sum::<usize>() <= count {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        drop(sender);
        assert!(order.iter().eq([Priority::High, Priority::Normal, Priority::Low]));
    }
}
