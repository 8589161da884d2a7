//! Pictures to a video file, with the encoder that this machine has.

use std::path::{Path, PathBuf};

use cortex_models::{Format, Picture};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use crate::{Error, has_element, pipeline::make};

/// A video that is being written. Dropped before [`Recorder::finish`] it is no video.
pub struct Recorder {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    bus: gst::Bus,
    path: PathBuf,
    /// As written, in pixels.
    size: (usize, usize),
}

/// Pictures that wait for the encoder.
const WAITING: u64 = 4;
/// Bits a pixel and second: people and letters stay sharp in an H.264 of 25 pictures a second.
const BITS: usize = 6;
/// The encoder has this long for what it still holds, in seconds.
const FINISH_S: u64 = 60;

impl Recorder {
    /// Begins `<stem>.mp4` (H.264), or `<stem>.mkv` (Motion JPEG) where no H.264 encoder is installed. Sides are
    /// in pixels; H.264 has even ones, so an odd last row or column is left out. `rate` is what the pictures have a
    /// second, about: times are theirs, but without a rate the last picture has no end and is lost.
    ///
    /// # Errors
    /// [`Error::Setup`] when GStreamer lacks a part, or the file cannot be written.
    pub fn create(stem: &Path, (width, height): (usize, usize), rate: f64) -> Result<Self, Error> {
        gst::init().map_err(|error| Error::Setup(format!("start GStreamer: {error}")))?;
        let size = ((width & !1).max(2), (height & !1).max(2));
        let (parts, kind): (&[&str], _) = if has_element("openh264enc") && has_element("mp4mux") {
            (&["openh264enc", "h264parse", "mp4mux"], "mp4")
        } else {
            (&["jpegenc", "matroskamux"], "mkv")
        };
        let mut name = stem.as_os_str().to_owned();
        name.push(format!(".{kind}"));
        let path = PathBuf::from(name);
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, size.0 as u32, size.1 as u32);
        let rate = gst::Fraction::new((rate.clamp(0.1, 1_000.0) * 1_000.0).round() as i32, 1_000);
        let caps = info.fps(rate).build().and_then(|info| info.to_caps());
        let caps = caps.map_err(|error| Error::Setup(format!("describe the pictures: {error}")))?;
        let source = gst_app::AppSrc::builder()
            .caps(&caps)
            .format(gst::Format::Time)
            .block(true)
            .max_buffers(WAITING)
            .max_bytes(0)
            .build();
        let mut chain = vec![source.clone().upcast(), make("videoconvert")?];
        for part in parts {
            chain.push(make(part)?);
        }
        if kind == "mp4" {
            chain[2].set_property("bitrate", (size.0 * size.1 * BITS) as u32);
        }
        let sink = make("filesink")?;
        sink.set_property("location", &path);
        chain.push(sink);
        let pipeline = gst::Pipeline::new();
        let built = |error: gst::glib::BoolError| Error::Setup(format!("build a pipeline: {error}"));
        pipeline.add_many(&chain).map_err(built)?;
        gst::Element::link_many(&chain).map_err(built)?;
        let bus = pipeline.bus().ok_or_else(|| Error::Setup("the pipeline has no bus".to_owned()))?;
        let this = Self { pipeline, source, bus, path, size };
        match this.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(this),
            Err(_) => Err(this.failure()),
        }
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an RGB picture of the video's size at a time in microseconds after the beginning. Times grow.
    ///
    /// # Errors
    /// [`Error::Setup`] for a picture of another size or format; [`Error::Stream`] when it cannot be written.
    pub fn push(&mut self, picture: &Picture, time_us: i64) -> Result<(), Error> {
        let (width, height) = self.size;
        if picture.format() != Format::Rgb || picture.width() < width || picture.height() < height {
            return Err(Error::Setup("a picture of another size or format than the video's".to_owned()));
        }
        let plane = &picture.planes()[0];
        // Rows of GStreamer's RGB begin at multiples of four bytes.
        let row = (width * 3).next_multiple_of(4);
        let mut bytes = vec![0; row * height];
        for (to, from) in bytes.chunks_exact_mut(row).zip(plane.data.chunks(plane.stride)) {
            to[..width * 3].copy_from_slice(&from[..width * 3]);
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_useconds(u64::try_from(time_us).unwrap_or(0)));
        }
        self.source.push_buffer(buffer).map(drop).map_err(|_| self.failure())
    }

    /// Ends the video and waits until it is written whole.
    ///
    /// # Errors
    /// [`Error::Stream`] when it cannot be written.
    pub fn finish(self) -> Result<(), Error> {
        self.source.end_of_stream().map_err(|_| self.failure())?;
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = self.bus.timed_pop_filtered(gst::ClockTime::from_seconds(FINISH_S), &kinds);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(self.broken(&error.error())),
            _ => Err(Error::Stream(format!("write {}: the encoder does not end", self.path.display()))),
        }
    }

    fn failure(&self) -> Error {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => self.broken(&error.error()),
            _ => Error::Stream(format!("write {}: the encoder refused a picture", self.path.display())),
        }
    }

    fn broken(&self, error: &gst::glib::Error) -> Error {
        Error::Stream(format!("write {}: {}", self.path.display(), error.message().trim_end_matches('.')))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).ok();
    }
}
