//! Between the parser and the decoder of a pipeline: lets through what is to be decoded.

use std::{
    cell::Cell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_runtime::runner::wall_clock;
use gstreamer::{self as gst, prelude::*};

use super::{Coded, Idle, slots};

/// A watch as the pipeline, the taker of its pictures and the camera's supervisor share it. Locked for moments, never
/// while something is decoded.
pub(crate) type Shared = Arc<Mutex<Idle<gst::Buffer>>>;

/// Codecs whose parsers say which frames need no other.
const CODECS: [&str; 3] = ["video/x-h264", "video/x-h265", "image/jpeg"];

pub(crate) fn lock(idle: &Shared) -> MutexGuard<'_, Idle<gst::Buffer>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the watch before a decoder. `latency_us` is what the jitter buffer of a live stream takes.
pub(crate) fn attach(idle: &Shared, decoder: &gst::Element, latency_us: i64) {
    let Some(pad) = decoder.static_pad("sink") else { return };
    let idle = Arc::clone(idle);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |pad, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(flow) = take(&idle, pad, buffer, latency_us) {
                    info.flow_res = flow;
                    return gst::PadProbeReturn::Handled;
                }
            }
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Eos => {
                lock(&idle).end()
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

thread_local! {
    /// This thread gives the decoder what the watch let through: the probe meets it again.
    static LETS_THROUGH: Cell<bool> = const { Cell::new(false) };
}

/// Gives a frame to the watch, and to the decoder what that lets through. `None` when it is none that the watch knows.
fn take(
    idle: &Shared,
    pad: &gst::Pad,
    buffer: &gst::Buffer,
    latency_us: i64,
) -> Option<Result<gst::FlowSuccess, gst::FlowError>> {
    if LETS_THROUGH.get() || !is_known(pad) {
        return None;
    }
    let live = lock(idle).live();
    let frame = Coded {
        key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        bytes: buffer.size(),
        pts_us: buffer.pts()?.useconds() as i64,
        came_us: wall_clock(),
        late_us: live.and_then(|_| waited_us(pad, buffer, latency_us)).unwrap_or_default(),
    };
    let goes_on = lock(idle).coded(frame, buffer.clone());
    LETS_THROUGH.set(true);
    let mut flow = Ok(gst::FlowSuccess::Ok);
    let mut next = goes_on.then(|| (frame.pts_us, buffer.clone()));
    // What comes out may wake the watch, so each is asked for after the one before.
    while let Some((pts_us, frame)) = next.take().or_else(|| lock(idle).next()) {
        let slot = live.map(slots::take);
        flow = pad.chain(at(frame, pts_us));
        drop(slot);
        if flow.is_err() {
            break;
        }
    }
    LETS_THROUGH.set(false);
    Some(flow)
}

/// The frame at this time, in microseconds.
fn at(mut frame: gst::Buffer, pts_us: i64) -> gst::Buffer {
    if frame.pts().is_some_and(|pts| pts.useconds() as i64 != pts_us) {
        let frame = frame.make_mut();
        frame.set_pts(u64::try_from(pts_us).ok().map(gst::ClockTime::from_useconds));
        frame.set_dts(gst::ClockTime::NONE);
    }
    frame
}

/// How long a frame waited since the jitter buffer gave it out, which is `latency_us` after it came, in microseconds.
/// `None` while the pipeline does not run.
fn waited_us(pad: &gst::Pad, buffer: &gst::Buffer, latency_us: i64) -> Option<i64> {
    let now = pad.parent_element()?.current_running_time()?;
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let due = segment.segment().downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts()?)?;
    Some(now.useconds() as i64 - due.useconds() as i64 - latency_us)
}

fn is_known(pad: &gst::Pad) -> bool {
    pad.current_caps().is_some_and(|caps| {
        caps.structure(0).is_some_and(|codec| CODECS.iter().any(|known| codec.name() == *known))
    })
}
