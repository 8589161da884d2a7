//! Coded frames since the last key frame that was looked at, so that they can be decoded after all.

use std::collections::VecDeque;

use super::Coded;

/// It begins with a key frame, and nothing is missing in between.
#[derive(Debug)]
pub(crate) struct Hold<B> {
    frames: VecDeque<(Coded, B)>,
    bytes: usize,
    /// Bytes that are kept at most, the key frame's apart.
    most: usize,
    /// Frames since the key frame were given up: nothing more is held before the next.
    broken: bool,
    /// The picture of its key frame was taken in already.
    seen: bool,
}

/// Frames that are kept at most, whatever their size: 40 s of most cameras.
const FRAMES: usize = 1000;

impl<B> Hold<B> {
    pub(super) fn new(most: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, most, broken: false, seen: false }
    }

    /// Holds a key frame that is looked at.
    pub(super) fn push_key(&mut self, frame: Coded, body: B) {
        if std::mem::take(&mut self.broken) || self.frames.is_empty() {
            (self.bytes, self.seen) = (0, false);
            self.frames.clear();
        }
        self.frames.push_back((frame, body));
    }

    /// Holds another frame, if it can. Answers how many were given up.
    pub(super) fn push(&mut self, frame: Coded, body: B) -> u64 {
        if self.broken || self.frames.is_empty() {
            return 1;
        }
        if self.bytes + frame.bytes > self.most || self.frames.len() == FRAMES {
            let given_up = self.clear();
            self.broken = true;
            return given_up + 1;
        }
        self.bytes += frame.bytes;
        self.frames.push_back((frame, body));
        0
    }

    /// The picture of this key frame was taken in, and those before are not wanted. Answers how many those are.
    pub(super) fn forget_before(&mut self, pts_us: i64) -> u64 {
        let Some(place) = self.frames.iter().position(|(frame, _)| frame.pts_us == pts_us) else { return 0 };
        self.frames.drain(..place);
        self.bytes = self.frames.iter().skip(1).map(|(frame, _)| frame.bytes).sum();
        let counted = usize::from(std::mem::replace(&mut self.seen, true));
        place.saturating_sub(counted) as u64
    }

    /// Gives up everything. Answers how many frames nobody saw; the key frame's picture is told of when it comes out.
    pub(super) fn clear(&mut self) -> u64 {
        self.bytes = 0;
        let count = self.frames.len();
        self.frames.clear();
        count.saturating_sub(1) as u64
    }

    /// Everything in order, each with whether its picture was taken in already.
    pub(super) fn take(&mut self) -> Vec<(Coded, B, bool)> {
        self.bytes = 0;
        let mut seen = std::mem::take(&mut self.seen);
        self.frames.drain(..).map(|(frame, body)| (frame, body, std::mem::take(&mut seen))).collect()
    }

    /// The key frame that it begins with.
    pub(super) fn first(&self) -> Option<&Coded> {
        self.frames.front().map(|(frame, _)| frame)
    }

    /// Nothing follows the key frame.
    pub(super) fn is_key_alone(&self) -> bool {
        self.frames.len() == 1
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }
}
