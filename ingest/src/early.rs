//! Frames of a stream that is joined between two key frames: what a decoder makes of them is torn, and nobody can tell who
//! is in such a picture.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};

/// When frames came that were not given to the decoder: the first and the latest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Early(Arc<Mutex<Option<(Instant, Instant)>>>);

/// Some encoders refresh the picture bit by bit and send no key frame at all: after so long everything is decoded.
const MOST: Duration = Duration::from_secs(20);

impl Early {
    /// Lets nothing through this pad before the first key frame.
    pub(crate) fn hold(&self, pad: &gst::Pad) {
        let early = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let delta = matches!(&info.data, Some(gst::PadProbeData::Buffer(buffer))
                if buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
            if delta && early.is_held(Instant::now()) {
                gst::PadProbeReturn::Drop
            } else {
                gst::PadProbeReturn::Remove
            }
        });
    }

    fn is_held(&self, now: Instant) -> bool {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, latest) = times.get_or_insert((now, now));
        *latest = now;
        now.saturating_duration_since(*first) < MOST
    }

    /// How long ago the latest of them came: a camera that is joined is no dead one.
    pub(crate) fn age(&self) -> Option<Duration> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.map(|(_, latest)| latest.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_without_key_frames_is_decoded_in_the_end() {
        let (early, begun) = (Early::default(), Instant::now());
        assert!(early.age().is_none());
        assert!(early.is_held(begun) && early.is_held(begun + MOST / 2) && early.age().is_some());
        assert!(!early.is_held(begun + MOST));
    }
}
