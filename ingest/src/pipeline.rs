//! A GStreamer pipeline from an address to pictures in memory. Whatever decodes best on this machine is taken, by rank:
//! hardware where it is there, else libav on one thread.

use std::sync::Arc;

use bytes::Bytes;
use cortex_models::{Format, Matrix, Picture, Plane};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video::{self as gst_video, prelude::*};

use crate::{Config, Error, config::Transport};

/// What a pipeline hands over: a picture and its time in the stream in microseconds.
pub(crate) type OnPicture = Box<dyn FnMut(Picture, i64) + Send>;

/// A running pipeline. Dropping it tears it down.
pub(crate) struct Pipeline {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
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
    /// Pictures come as fast as they are taken, none is left out; else in real time.
    pub(crate) fast: bool,
}

impl Pipeline {
    /// Builds and starts a pipeline; errors of the connection come as events.
    pub(crate) fn open(open: &Open<'_>, mut on_picture: OnPicture) -> Result<Self, Error> {
        gst::init().map_err(|error| Error::Setup(format!("start GStreamer: {error}")))?;
        let pipeline = gst::Pipeline::new();
        let live = !open.url.starts_with("file:");
        let convert = make("videoconvert")?;
        let caps = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::I420).build();
        let sink = gst_app::AppSink::builder().caps(&caps).sync(!live && !open.fast).max_buffers(2).build();
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let pts =
                        sample.buffer().and_then(gst::BufferRef::pts).map_or(0, |pts| pts.useconds() as i64);
                    if let Some(picture) = picture(&sample) {
                        on_picture(picture, pts);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        pipeline
            .add_many([&convert, sink.upcast_ref()])
            .and_then(|()| convert.link(&sink))
            .map_err(|error| Error::Setup(format!("build a pipeline: {error}")))?;
        let source = source(open)?;
        pipeline.add(&source).map_err(|error| Error::Setup(format!("build a pipeline: {error}")))?;
        let target = convert
            .static_pad("sink")
            .ok_or_else(|| Error::Setup("videoconvert has no sink pad".to_owned()))?;
        if let Some(pad) = source.static_pad("src") {
            pad.link(&target).map_err(|error| Error::Setup(format!("link the source: {error}")))?;
        } else {
            source.connect_pad_added(move |_, pad| {
                let video = pad
                    .current_caps()
                    .and_then(|caps| caps.structure(0).map(|s| s.name().starts_with("video/")));
                if video == Some(true) && !target.is_linked() {
                    pad.link(&target).ok();
                }
            });
        }
        pipeline.connect_deep_element_added(|_, _, element| {
            // One thread for each camera: decoders of many cameras share the cores by themselves.
            if element.has_property("max-threads")
                && element.factory().is_some_and(|f| f.name().starts_with("avdec"))
            {
                element.set_property("max-threads", 1_i32);
            }
        });
        let bus = pipeline.bus().ok_or_else(|| Error::Setup("the pipeline has no bus".to_owned()))?;
        let this = Self { pipeline, bus };
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

    /// The name of the codec, once it is known.
    pub(crate) fn codec(&self) -> Option<String> {
        let mut all = self.pipeline.iterate_recurse();
        let mut found = None;
        while let Ok(Some(element)) = all.next() {
            let decodes = element.factory().is_some_and(|f| f.has_type(gst::ElementFactoryType::DECODER));
            let caps = element.static_pad("sink").filter(|_| decodes).and_then(|pad| pad.current_caps());
            if let Some(name) = caps.as_ref().and_then(|caps| caps.structure(0)).map(|s| s.name().to_string())
                && name.starts_with("video/") | name.starts_with("image/")
            {
                found = Some(name.rsplit(['/', '-']).next().unwrap_or_default().to_uppercase());
            }
        }
        found
    }
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

fn source(open: &Open<'_>) -> Result<gst::Element, Error> {
    if open.url.starts_with("test://") {
        let source = make("videotestsrc")?;
        source.set_property("is-live", !open.fast);
        return Ok(source);
    }
    let source = make("uridecodebin")?;
    source.set_property("uri", open.url);
    let (transport, latency) = (open.config.transport, open.config.latency_ms);
    let timeout = (open.config.stall_s * 1e6) as u64;
    let login = open.login.clone();
    source.connect("source-setup", false, move |values| {
        let Ok(source) = values[1].get::<gst::Element>() else { return None };
        if source.factory().is_some_and(|factory| factory.name() == "rtspsrc") {
            source.set_property("latency", latency);
            source.set_property("timeout", timeout);
            source.set_property("tcp-timeout", timeout);
            source.set_property("do-rtsp-keep-alive", true);
            let protocols = match transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
                Transport::Auto => "tcp+udp-mcast+udp",
            };
            source.set_property_from_str("protocols", protocols);
            if let Some((user, password)) = &login {
                source.set_property("user-id", user);
                source.set_property("user-pw", password);
            }
        }
        None
    });
    // Sound is not decoded.
    source.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let sound =
            caps.as_ref().and_then(|caps| caps.structure(0)).is_some_and(|s| s.name().starts_with("audio/"));
        Some((!sound).to_value())
    });
    Ok(source)
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
