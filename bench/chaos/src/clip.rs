//! Clips of the synthetic cameras: the demonstration clip, where real people cross real zones at known times, with a stamp in
//! every picture.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};

use crate::{
    guest::Guest,
    stamp::{self, Stamp},
};

/// Pictures a second.
pub(crate) const RATE: u64 = 10;
/// Width and height of the demonstration clip.
pub(crate) const SIZE: (usize, usize) = (768, 576);
/// How long an encoder may take to end.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(120);

/// The clip of each of so many cameras, made where they are not there yet; the guest of this picture comes and goes in it.
pub(crate) fn clips(
    demonstration: &Path,
    folder: &Path,
    cameras: u16,
    guest: Option<&Path>,
) -> anyhow::Result<Vec<PathBuf>> {
    let name = if guest.is_some() { "guest" } else { "camera" };
    let paths: Vec<PathBuf> =
        (0..cameras).map(|camera| folder.join(format!("{name}-{camera}.mkv"))).collect();
    if paths.iter().all(|path| path.is_file()) {
        return Ok(paths);
    }
    gst::init()?;
    fs::create_dir_all(folder)?;
    let guest = guest.map(Guest::open).transpose()?;
    let mut encoders = Vec::new();
    for path in &paths {
        encoders.push(Encoder::open(&path.with_extension("new"))?);
    }
    let launch = format!(
        "filesrc name=file ! parsebin ! avdec_h264 ! videoconvert ! video/x-raw,format=I420,width={},height={} \
         ! appsink name=pictures sync=false max-buffers=4",
        SIZE.0, SIZE.1
    );
    let decoder = pipeline(&launch)?;
    decoder.by_name("file").context("the decoder has no source")?.set_property("location", demonstration);
    let pictures =
        decoder.by_name("pictures").and_downcast::<AppSink>().context("the decoder has no sink")?;
    decoder.set_state(gst::State::Playing)?;
    let mut number = 0;
    while let Ok(sample) = pictures.pull_sample() {
        let buffer = sample.buffer().context("a sample without a picture")?;
        let picture = buffer.map_readable()?;
        for (camera, encoder) in (0..).zip(&encoders) {
            let mut picture = picture.to_vec();
            if let Some(guest) = &guest {
                guest.draw(camera, number, &mut picture);
            }
            encoder.take(Stamp { camera, number }, picture)?;
        }
        number += 1;
    }
    decoder.set_state(gst::State::Null)?;
    for (encoder, path) in encoders.into_iter().zip(&paths) {
        encoder.finish()?;
        fs::rename(path.with_extension("new"), path)?;
    }
    Ok(paths)
}

struct Encoder {
    pipeline: gst::Pipeline,
    source: AppSrc,
}

impl Encoder {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let launch = format!(
            "appsrc name=source format=time block=true max-buffers=4 max-bytes=0 caps=video/x-raw,format=I420,\
             width={},height={},framerate={RATE}/1 ! openh264enc gop-size={RATE} complexity=low \
             rate-control=bitrate bitrate=20000000 qp-min=26 qp-max=26 ! h264parse ! matroskamux ! filesink name=file",
            SIZE.0, SIZE.1
        );
        let pipeline = pipeline(&launch)?;
        pipeline.by_name("file").context("the encoder has no end")?.set_property("location", path);
        let source = pipeline.by_name("source").and_downcast().context("the encoder has no source")?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, source })
    }

    fn take(&self, stamp: Stamp, picture: Vec<u8>) -> anyhow::Result<()> {
        let mut buffer = gst::Buffer::from_mut_slice(stamped(stamp, picture));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_mseconds(u64::from(stamp.number) * 1000 / RATE));
            buffer.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
        }
        self.source
            .push_buffer(buffer)
            .map(drop)
            .map_err(|error| anyhow!("the encoder refused a picture: {error}"))
    }

    fn finish(self) -> anyhow::Result<()> {
        self.source.end_of_stream().map_err(|error| anyhow!("the encoder does not end: {error}"))?;
        let bus = self.pipeline.bus().context("the encoder has no bus")?;
        let message = bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]);
        self.pipeline.set_state(gst::State::Null)?;
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            other => Err(anyhow!("a clip was not encoded: {other:?}")),
        }
    }
}

/// A picture of I420 with a stamp.
pub(crate) fn stamped(stamp: Stamp, mut bytes: Vec<u8>) -> Vec<u8> {
    let (luma, chroma) = bytes.split_at_mut(SIZE.0 * SIZE.1);
    stamp.draw(luma, SIZE.0);
    for plane in chroma.chunks_mut(SIZE.0 * SIZE.1 / 4) {
        plane[..SIZE.0 / 2 * stamp::HEIGHT / 2].fill(128);
    }
    bytes
}

pub(crate) fn pipeline(launch: &str) -> anyhow::Result<gst::Pipeline> {
    gst::parse::launch(launch)?.downcast::<gst::Pipeline>().map_err(|_| anyhow!("{launch} is no pipeline"))
}
