//! Frames wait for what the detector says of them.

use std::{collections::VecDeque, sync::Arc};

use cortex_models::Picture;
use cortex_runtime::Captured;

/// The frames of one camera without a result yet, oldest first.
#[derive(Default)]
pub(crate) struct Held {
    frames: VecDeque<Arc<Captured>>,
    bytes: usize,
}

/// Frames held for one camera at most: at 5 a second, six seconds of a detector that is far behind.
const FRAMES: usize = 32;

impl Held {
    /// Takes a frame in; the oldest go when there are too many frames or bytes.
    pub(crate) fn put(&mut self, frame: Arc<Captured>, most_bytes: usize) {
        self.bytes += size(&frame);
        self.frames.push_back(frame);
        while self.frames.len() > FRAMES || (self.bytes > most_bytes && self.frames.len() > 1) {
            self.pop();
        }
    }

    /// Lets go of what was made before this moment, in microseconds: its answer is not coming any more, and clear
    /// pictures are not kept longer than they must.
    pub(crate) fn expire(&mut self, before_us: i64) {
        while self.frames.front().is_some_and(|frame| frame.message.time_us < before_us) {
            self.pop();
        }
    }

    /// The frame with this epoch and number. Every frame below it is let go unseen: the detector passed it over, and
    /// only a frame with a result leaves.
    pub(crate) fn take(&mut self, epoch: u64, n: u64) -> Option<Arc<Captured>> {
        while let Some(first) = self.frames.front() {
            match place(first).cmp(&(epoch, n)) {
                std::cmp::Ordering::Less => drop(self.pop()),
                std::cmp::Ordering::Equal => return self.pop(),
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }

    /// When the oldest frame that waits was made, in microseconds.
    pub(crate) fn oldest_us(&self) -> Option<i64> {
        self.frames.front().map(|frame| frame.message.time_us)
    }

    /// The frame that came last.
    pub(crate) fn newest(&self) -> Option<Arc<Captured>> {
        self.frames.back().cloned()
    }

    fn pop(&mut self) -> Option<Arc<Captured>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= size(&frame);
        Some(frame)
    }
}

fn size(frame: &Captured) -> usize {
    frame.picture.as_ref().map_or(0, Picture::bytes)
}

fn place(frame: &Captured) -> (u64, u64) {
    (frame.message.id.as_ref().map_or(0, |id| id.epoch), frame.message.n)
}
