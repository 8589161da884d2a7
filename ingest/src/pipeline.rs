//! A GStreamer pipeline from an address to pictures in memory. Whatever decodes best on this machine is taken, by rank:
//! hardware where it is there, else libav on one thread.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use cortex_models::{Format, Matrix, Picture, Plane};
use gio::prelude::*;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video::{self as gst_video, prelude::*};

use crate::{
    Config, Error,
    clock::Stamp,
    coding::{self, Coding},
    early::Early,
    idle::valve,
    pictures,
    report::sender_clock,
    rtsp, web,
};

/// What a pipeline hands over: a picture and when it was made.
pub(crate) type OnPicture = Box<dyn FnMut(Picture, Stamp) + Send>;

/// A running pipeline. Dropping it tears it down.
pub(crate) struct Pipeline {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    early: Early,
}

/// What happened to a pipeline.
#[derive(Debug)]
pub(crate) enum Event {
    /// Nothing.
    Quiet,
    /// The end of the stream.
    Ended,
    /// It broke.
    Failed(Error),
}

/// How a source is opened.
pub(crate) struct Open<'a> {
    pub(crate) url: &'a str,
    pub(crate) login: Option<(String, String)>,
    pub(crate) config: &'a Config,
    /// Pictures a second of a source that has no times: a folder of pictures.
    pub(crate) rate: f32,
    /// Pictures come as fast as they are taken, none is left out; else in real time.
    pub(crate) fast: bool,
    /// Which frames are decoded; `None` for all.
    pub(crate) idle: Option<&'a valve::Shared>,
    /// What is to be told of how the stream is coded; `None` for nothing.
    pub(crate) coding: Option<&'a Arc<Mutex<Coding>>>,
}

impl Pipeline {
    /// Builds and starts a pipeline; errors of the connection come as events.
    pub(crate) fn open(open: &Open<'_>, mut on_picture: OnPicture) -> Result<Self, Error> {
        gst::init().map_err(|error| Error::Setup(format!("start GStreamer: {error}")))?;
        let pipeline = gst::Pipeline::new();
        let live = !open.url.starts_with("file:");
        let convert = make("videoconvert")?;
        let caps = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::I420).build();
        let reports = Reports::default();
        let told = reports.clone();
        // No picture is kept for who might ask for the last one: a pool is memory of every camera.
        let sink = gst_app::AppSink::builder().caps(&caps).sync(!live && !open.fast).max_buffers(2);
        let sink = sink.enable_last_sample(false).build();
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_preroll(|sink| {
                    sink.pull_preroll().map(|_| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos)
                })
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    if let Some(picture) = picture(&sample) {
                        on_picture(picture, told.stamp(&sample));
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        pipeline
            .add_many([&convert, sink.upcast_ref()])
            .and_then(|()| convert.link(&sink))
            .map_err(|error| Error::Setup(format!("build a pipeline: {error}")))?;
        let early = Early::default();
        let source = source(open, &early)?;
        pipeline.add(&source).map_err(|error| Error::Setup(format!("build a pipeline: {error}")))?;
        let target = convert
            .static_pad("sink")
            .ok_or_else(|| Error::Setup("videoconvert has no sink pad".to_owned()))?;
        if let Some(pad) = source.static_pad("src") {
            pad.link(&target).map_err(|error| Error::Setup(format!("link the source: {error}")))?;
        } else {
            let linked = target.clone();
            source.connect_pad_added(move |source, pad| {
                if !is_video(pad) || target.is_linked() {
                    return;
                }
                if let Err(error) = pad.link(&target) {
                    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
                    gst::element_error!(
                        source,
                        gst::StreamError::WrongType,
                        ("what the decoder gives cannot be taken: {error}"),
                        ["{caps}"]
                    );
                }
            });
            source.connect_no_more_pads(move |source| {
                if !linked.is_linked() {
                    gst::element_error!(source, gst::StreamError::TypeNotFound, ("there is no video in it"));
                }
            });
        }
        let (idle, coding) = (open.idle.cloned(), open.coding.cloned());
        let latency_us = i64::from(open.config.latency_ms) * 1000;
        pipeline.connect_deep_element_added(move |_, _, element| {
            let Some(factory) = element.factory() else { return };
            if factory.has_type(gst::ElementFactoryType::DECODER) && !element.is::<gst::Bin>() {
                coding.iter().for_each(|coding| coding::attach(coding, element));
                idle.iter().for_each(|idle| valve::attach(idle, element, latency_us));
            }
            // One thread for each camera: decoders of many cameras share the cores by themselves.
            if factory.name().starts_with("avdec") && element.has_property("max-threads") {
                element.set_property("max-threads", 1_i32);
            }
            if factory.name() == "rtpjitterbuffer" {
                reports.listen(element);
            }
        });
        let bus = pipeline.bus().ok_or_else(|| Error::Setup("the pipeline has no bus".to_owned()))?;
        let this = Self { pipeline, bus, early };
        if this.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(match this.wait(100) {
                Event::Failed(error) => error,
                _ => Error::Stream("the source cannot be opened".to_owned()),
            });
        }
        Ok(this)
    }

    /// Waits for the next event, `ms` milliseconds at most.
    pub(crate) fn wait(&self, ms: u64) -> Event {
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        match self.bus.timed_pop_filtered(gst::ClockTime::from_mseconds(ms), &kinds) {
            None => Event::Quiet,
            Some(message) => match message.view() {
                gst::MessageView::Error(error) => Event::Failed(failure(&error.error())),
                _ => Event::Ended,
            },
        }
    }

    /// How long ago a frame came that waits for the first key frame; `None` when none did.
    pub(crate) fn joins(&self) -> Option<Duration> {
        self.early.age()
    }

    /// How long the footage is by its container, in microseconds; `None` for streams and containers that do not say.
    pub(crate) fn length_us(&self) -> Option<i64> {
        let length = self.pipeline.query_duration::<gst::ClockTime>()?;
        i64::try_from(length.useconds()).ok().filter(|length| *length > 0)
    }

    /// Pictures a second as the stream states them, once a picture came.
    pub(crate) fn rate(&self) -> Option<f64> {
        let sink = self.pipeline.iterate_sinks().next().ok().flatten()?;
        let caps = sink.static_pad("sink")?.current_caps()?;
        let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
        (rate.numer() > 0 && rate.denom() > 0).then(|| f64::from(rate.numer()) / f64::from(rate.denom()))
    }

    /// Plays a file from its beginning again.
    pub(crate) fn rewind(&self) -> Result<(), Error> {
        self.pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT, gst::ClockTime::ZERO)
            .map_err(|error| Error::Stream(format!("play the file again: {error}")))
    }

    /// Codec and decoder, once they are known: `H264` and `avdec_h264`.
    pub(crate) fn decoder(&self) -> Option<(String, String)> {
        let mut all = self.pipeline.iterate_recurse();
        let mut found = None;
        while let Ok(Some(element)) = all.next() {
            let decodes = element.factory().filter(|f| f.has_type(gst::ElementFactoryType::DECODER));
            let Some(factory) = decodes else { continue };
            let caps = element.static_pad("sink").and_then(|pad| pad.current_caps());
            if let Some(name) = caps.as_ref().and_then(|caps| caps.structure(0)).map(|s| s.name().to_string())
                && name.starts_with("video/") | name.starts_with("image/")
            {
                let codec = name.rsplit(['/', '-']).next().unwrap_or_default().to_uppercase();
                found = Some((codec, factory.name().to_string()));
            }
        }
        found
    }
}

/// What the camera's sender reports add to a time in the stream to have the camera's own clock, in microseconds.
#[derive(Clone)]
struct Reports(Arc<AtomicI64>);

/// No report came yet.
const UNTOLD: i64 = i64::MIN;

impl Default for Reports {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNTOLD)))
    }
}

impl Reports {
    /// Hears every report that a jitter buffer relates to its own time.
    fn listen(&self, jitter_buffer: &gst::Element) {
        let offset = Arc::clone(&self.0);
        jitter_buffer.connect("handle-sync", false, move |values| {
            let report = values.get(1)?.get::<gst::Structure>().ok()?;
            if let Some(difference) = difference(&report) {
                offset.store(difference, Ordering::Relaxed);
            }
            None
        });
    }

    fn stamp(&self, sample: &gst::Sample) -> Stamp {
        let pts_us = sample.buffer().and_then(gst::BufferRef::pts).map_or(0, |pts| pts.useconds() as i64);
        let offset = Some(self.0.load(Ordering::Relaxed)).filter(|offset| *offset != UNTOLD);
        Stamp { pts_us, camera_us: offset.map(|offset| pts_us.saturating_add(offset)) }
    }
}

/// The camera's clock less the time in the stream, of what a jitter buffer says of a sender report: the packet, and
/// which RTP time it gives out at which time in the stream.
fn difference(report: &gst::StructureRef) -> Option<i64> {
    let packet = report.get::<gst::Buffer>("sr-buffer").ok()?;
    let camera_us = sender_clock(packet.map_readable().ok()?.as_slice())?;
    let number = |name: &str| report.get::<u64>(name).ok().and_then(|number| i64::try_from(number).ok());
    let rate = report.get::<u32>("clock-rate").ok().filter(|rate| *rate > 0)?;
    let ticks = number("sr-ext-rtptime")?.checked_sub(number("base-rtptime")?)?;
    let stream_us = number("base-time")? / 1000 + ticks.checked_mul(1_000_000)? / i64::from(rate);
    camera_us.checked_sub(stream_us)
}

/// Whether a pad gives pictures. A live source names what it could give before it chose.
fn is_video(pad: &gst::Pad) -> bool {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    caps.structure(0).is_some_and(|structure| structure.name().starts_with("video/"))
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).ok();
    }
}

pub(crate) fn make(name: &str) -> Result<gst::Element, Error> {
    gst::ElementFactory::make(name).build().map_err(|_| {
        Error::Setup(format!("GStreamer's `{name}` is missing: `cortex doctor` says how to install it"))
    })
}

fn source(open: &Open<'_>, early: &Early) -> Result<gst::Element, Error> {
    if open.url.starts_with("test://") {
        let source = make("videotestsrc")?;
        source.set_property("is-live", !open.fast);
        return Ok(source);
    }
    if let Some(folder) = pictures::folder(open.url) {
        return pictures::source(folder, open.rate);
    }
    if open.url.starts_with("http") {
        return web::source(open);
    }
    if open.url.starts_with("rtsp") {
        return rtsp::source(open, early);
    }
    let source = make("uridecodebin")?;
    source.set_property("uri", open.url);
    // Sound is not decoded.
    source.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let sound =
            caps.as_ref().and_then(|caps| caps.structure(0)).is_some_and(|s| s.name().starts_with("audio/"));
        Some((!sound).to_value())
    });
    Ok(source)
}

/// Says who we are, and who may be believed to be the camera.
pub(crate) fn trust(
    source: &gst::Element,
    config: &Config,
    login: Option<&(String, String)>,
) -> Result<(), Error> {
    if let Some(authority) = authority(&config.ca)? {
        source.set_property("tls-database", &authority);
    }
    if let Some((user, password)) = login {
        source.set_property("user-id", user);
        source.set_property("user-pw", password);
    }
    Ok(())
}

/// Who may sign the certificates of cameras; `None` for whom this machine trusts.
fn authority(ca: &Path) -> Result<Option<gio::TlsDatabase>, Error> {
    if ca.as_os_str().is_empty() {
        return Ok(None);
    }
    let database = gio::TlsFileDatabase::new(ca)
        .map_err(|error| Error::Setup(format!("read `ingest.ca` {}: {error}", ca.display())))?;
    Ok(Some(database.upcast()))
}

/// What an error of GStreamer means here. Its texts may hold the address, but never user or password: those are
/// properties of the source.
fn failure(error: &gst::glib::Error) -> Error {
    match error.kind::<gst::ResourceError>() {
        Some(gst::ResourceError::NotAuthorized) => Error::Login,
        _ if error.message().contains("Unauthorized") => Error::Login,
        _ => Error::Stream(error.message().trim_end_matches('.').to_lowercase()),
    }
}

/// A plane of a mapped frame; keeps the decoder's memory alive.
struct Mapped {
    frame: Arc<gst_video::VideoFrame<gst_video::video_frame::Readable>>,
    plane: u32,
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self.frame.plane_data(self.plane).unwrap_or_default()
    }
}

/// The picture of a sample, in the decoder's own memory. `None` for one that is not whole.
fn picture(sample: &gst::Sample) -> Option<Picture> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrame::from_buffer_readable(sample.buffer_owned()?, &info).ok()?;
    let matrix = match info.colorimetry().matrix() {
        gst_video::VideoColorMatrix::Bt709 => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let strides: Vec<usize> =
        frame.plane_stride().iter().map(|stride| usize::try_from(*stride).unwrap_or(0)).collect();
    let frame = Arc::new(frame);
    let planes = (0..3_u32).zip(strides).map(|(plane, stride)| Plane {
        data: Bytes::from_owner(Mapped { frame: Arc::clone(&frame), plane }),
        stride,
    });
    Picture::new(info.width() as usize, info.height() as usize, Format::I420(matrix), planes.collect()).ok()
}

/// Whether GStreamer has an element of this name, for `cortex doctor`.
pub fn has_element(name: &str) -> bool {
    gst::init().is_ok() && gst::ElementFactory::find(name).is_some()
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use cortex_camera::{Camera, CameraOptions};
    use cortex_runtime::runner::wall_clock;

    use super::*;

    #[test]
    fn a_cameras_sender_reports_tell_its_clock() {
        let camera =
            Camera::start(CameraOptions::new(cortex_runtime::config::home().join("clips/vtest.mp4")))
                .unwrap();
        let (sender, stamps) = mpsc::sync_channel(1);
        let (url, config) = (camera.url(), Config::default());
        let open = Open {
            url: &url,
            login: None,
            config: &config,
            rate: 1.0,
            fast: false,
            idle: None,
            coding: None,
        };
        let on_picture = move |_, stamp: Stamp| {
            if let Some(camera_us) = stamp.camera_us {
                sender.try_send(wall_clock() - camera_us).ok();
            }
        };
        let pipeline = Pipeline::open(&open, Box::new(on_picture)).unwrap();
        let late_us = stamps.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(late_us.abs() < 2_000_000, "its clock is this machine's: {late_us} us");
        assert_eq!(pipeline.decoder().unwrap().0, "H264");
    }

    #[test]
    fn a_pad_that_has_not_chosen_yet_is_seen_as_video() {
        gst::init().unwrap();
        let (pictures, sound) = (make("videotestsrc").unwrap(), make("audiotestsrc").unwrap());
        let pad = |source: &gst::Element| source.static_pad("src").unwrap();
        assert!(pad(&pictures).current_caps().is_none());
        assert!(is_video(&pad(&pictures)), "as a webcam of raw pictures does");
        assert!(!is_video(&pad(&sound)));
    }
}
