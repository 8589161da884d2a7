//! Coded frames since the last that was decoded, so that they can be decoded after all.

use std::collections::VecDeque;

use super::Coded;

/// It begins with a key frame, or with what follows the last decoded frame, and nothing is missing in between.
#[derive(Debug)]
pub(crate) struct Hold<B> {
    frames: VecDeque<Held<B>>,
    bytes: usize,
    /// Bytes that are kept at most, those of key frames that were looked at apart.
    most: usize,
    /// Frames were given up: nothing more is held before the next key frame.
    broken: bool,
}

#[derive(Debug)]
pub(super) struct Held<B> {
    pub(super) frame: Coded,
    pub(super) body: B,
    pub(super) sight: Sight,
}

/// What is known of a held frame's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Nothing,
    /// It is being decoded, to be looked at, and is told of when it comes out.
    Due,
    /// Nothing moved in it.
    Still,
}

/// Frames that are kept at most, whatever their size: 40 s of most cameras.
const FRAMES: usize = 1000;

impl<B> Hold<B> {
    pub(super) fn new(most: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, most, broken: false }
    }

    /// Everything up to here was decoded.
    pub(super) fn begin(&mut self) {
        self.clear();
        self.broken = false;
    }

    /// Holds a key frame that is looked at.
    pub(super) fn push_key(&mut self, frame: Coded, body: B) {
        self.broken = false;
        self.frames.push_back(Held { frame, body, sight: Sight::Due });
    }

    /// Holds another frame, if it can. Answers how many were given up.
    pub(super) fn push(&mut self, frame: Coded, body: B) -> u64 {
        if self.broken {
            return 1;
        }
        if self.bytes + frame.bytes > self.most || self.frames.len() == FRAMES {
            let given_up = self.clear();
            self.broken = true;
            return given_up + 1;
        }
        self.bytes += frame.bytes;
        self.frames.push_back(Held { frame, body, sight: Sight::Nothing });
        0
    }

    /// Nothing moved in the picture of this key frame, and those before are not wanted. Answers how many those are.
    pub(super) fn forget_before(&mut self, pts_us: i64) -> u64 {
        let Some(place) = self.frames.iter().position(|held| held.frame.pts_us == pts_us) else { return 0 };
        let given_up = self.frames.drain(..place).filter(Held::is_untold).count() as u64;
        self.bytes = self.frames.iter().filter(|held| held.is_untold()).map(|held| held.frame.bytes).sum();
        self.frames[0].sight = Sight::Still;
        given_up
    }

    /// Gives up everything. Answers how many frames nobody saw.
    pub(super) fn clear(&mut self) -> u64 {
        self.bytes = 0;
        self.frames.drain(..).filter(Held::is_untold).count() as u64
    }

    /// Everything in order.
    pub(super) fn take(&mut self) -> VecDeque<Held<B>> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }

    /// The frame that it begins with.
    pub(super) fn first(&self) -> Option<&Coded> {
        self.frames.front().map(|held| &held.frame)
    }

    /// A key frame that is looked at is all there is.
    pub(super) fn is_key_alone(&self) -> bool {
        self.frames.len() == 1 && !self.frames[0].is_untold()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }
}

impl<B> Held<B> {
    /// Whoever gives it up has to count it.
    fn is_untold(&self) -> bool {
        self.sight == Sight::Nothing
    }
}
