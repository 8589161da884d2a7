//! A clip as access units: parsed once, kept in memory, never decoded.

use std::path::Path;

use gstreamer::{self as gst, ClockTime, prelude::*};
use gstreamer_app::AppSink;

use crate::Error;

/// Time between pictures when the clip tells none.
const UNTIMED: ClockTime = ClockTime::from_mseconds(40);

/// Longest wait for the next access unit while parsing: a clip is a local file.
const PARSE_TIMEOUT: ClockTime = ClockTime::from_seconds(20);

/// How a clip is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
    /// One JPEG a picture.
    Mjpeg,
}

/// A parsed clip.
#[derive(Debug)]
pub struct Clip {
    /// How it is compressed.
    pub codec: Codec,
    /// Access units in sending order; timestamps begin at 0.
    pub(crate) units: Vec<gst::Buffer>,
    /// From the first unit's sending time to that of the next round.
    pub(crate) length: ClockTime,
    /// What the units are, for the sender.
    pub(crate) caps: gst::Caps,
}

impl Codec {
    fn of(caps: &gst::CapsRef) -> Option<Self> {
        match caps.structure(0)?.name().as_str() {
            "video/x-h264" => Some(Self::H264),
            "video/x-h265" => Some(Self::H265),
            "image/jpeg" => Some(Self::Mjpeg),
            _ => None,
        }
    }

    /// Parser and format that the sender needs.
    const fn parse(self) -> &'static str {
        match self {
            Self::H264 => "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au",
            Self::H265 => "h265parse ! video/x-h265,stream-format=byte-stream,alignment=au",
            Self::Mjpeg => "jpegparse",
        }
    }

    /// Payloader of RFC 6184, 7798 or 2435; parameter sets go out before every key frame.
    pub(crate) const fn pay(self) -> &'static str {
        match self {
            Self::H264 => "rtph264pay name=pay0 pt=96 config-interval=-1",
            Self::H265 => "rtph265pay name=pay0 pt=96 config-interval=-1",
            Self::Mjpeg => "rtpjpegpay name=pay0 pt=26",
        }
    }
}

impl Clip {
    /// Reads and parses `path` whole.
    ///
    /// # Errors
    /// [`Error::Clip`] when it is not there, holds no H.264, H.265 or JPEG, or is cut; [`Error::Element`] when a
    /// plugin is missing.
    pub fn read(path: &Path) -> Result<Self, Error> {
        gst::init()?;
        let unreadable = |reason: String| Error::Clip { clip: path.into(), reason };
        let found = samples(path, "", 1).map_err(&unreadable)?;
        let codec = found
            .first()
            .and_then(|sample| sample.caps())
            .and_then(Codec::of)
            .ok_or_else(|| unreadable("it holds no h.264, h.265 or jpeg video".into()))?;
        let samples = samples(path, codec.parse(), usize::MAX).map_err(&unreadable)?;
        let caps = samples.first().and_then(|sample| sample.caps_owned());
        let caps = caps.ok_or_else(|| unreadable("it holds no pictures".into()))?;
        let mut units: Vec<gst::Buffer> = samples.iter().filter_map(|sample| sample.buffer_owned()).collect();
        // It begins with a key frame, or nobody could decode the first round.
        let first = units.iter().position(|unit| !unit.flags().contains(gst::BufferFlags::DELTA_UNIT));
        units.drain(..first.ok_or_else(|| unreadable("it holds no key frame".into()))?);
        let length = retime(&mut units);
        Ok(Self { codec, units, length, caps })
    }

    /// Pictures in one round.
    pub fn pictures(&self) -> usize {
        self.units.len()
    }
}

/// Runs the parser until the end or until `most` samples came.
fn samples(path: &Path, parse: &str, most: usize) -> Result<Vec<gst::Sample>, String> {
    let parse = if parse.is_empty() { String::new() } else { format!("{parse} !") };
    let text = format!("filesrc name=file ! parsebin ! {parse} appsink name=units sync=false max-buffers=16");
    let pipeline = gst::parse::launch(&text).map_err(|error| error.message().to_owned())?;
    let pipeline =
        pipeline.downcast::<gst::Pipeline>().map_err(|_| "the parser is no pipeline".to_owned())?;
    let units = pipeline.by_name("units").and_downcast::<AppSink>().ok_or("the parser has no sink")?;
    pipeline.by_name("file").ok_or("the parser has no source")?.set_property("location", path);
    let bus = pipeline.bus().ok_or("the parser has no bus")?;
    let mut samples = Vec::new();
    let mut failed = pipeline.set_state(gst::State::Playing).err().map(|error| error.to_string());
    while samples.len() < most && !units.is_eos() {
        if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
            && let gst::MessageView::Error(error) = message.view()
        {
            failed = Some(error.error().message().to_owned());
            break;
        }
        // Short waits, so that an error before the first sample is seen.
        match units.try_pull_sample(ClockTime::from_mseconds(50)) {
            Some(sample) => samples.push(sample),
            None if pipeline.current_running_time() > Some(PARSE_TIMEOUT) => {
                failed = Some("the parser gave up waiting for it".into());
                break;
            }
            None => {}
        }
    }
    pipeline.set_state(gst::State::Null).map_err(|error| error.to_string())?;
    match failed {
        Some(reason) => Err(reason),
        None => Ok(samples),
    }
}

/// Sets timestamps to begin at 0, makes them up at 25 a second when any is missing, and gives the length of a round.
fn retime(units: &mut [gst::Buffer]) -> ClockTime {
    let timed = units.iter().all(|unit| unit.pts().is_some());
    let start = units.first().and_then(|unit| unit.dts_or_pts()).unwrap_or_default();
    let mut last = ClockTime::ZERO;
    for (index, unit) in units.iter_mut().enumerate() {
        let (pts, dts) = if timed {
            let pts = unit.pts().unwrap_or_default();
            (pts.saturating_sub(start), unit.dts().unwrap_or(pts).saturating_sub(start))
        } else {
            (UNTIMED * index as u64, UNTIMED * index as u64)
        };
        let unit = unit.make_mut();
        unit.set_pts(pts);
        unit.set_dts(dts);
        last = last.max(dts);
    }
    match units.len() {
        0 | 1 => UNTIMED,
        count => last + last / (count as u64 - 1),
    }
}
