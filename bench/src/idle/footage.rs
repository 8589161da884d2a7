//! A clip in parts, with pauses between them in which the scene is there and nobody is in it, as a camera would send it.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use cortex_models::Picture;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};

use crate::clip::Decoder;

/// Pictures whose median is the empty scene.
const SAMPLES: usize = 41;
/// Most that a sensor's noise moves a pixel in a pause, in grey levels.
const NOISE: i32 = 3;
const BITS: u64 = 2_000_000;

/// Writes it: H.264 without reordering, a key frame every so many seconds; `parts` are seconds of the clip and of a pause.
pub(crate) fn write(clip: &Path, to: &Path, interval_s: u64, parts: (u64, u64)) -> anyhow::Result<()> {
    let rate = rate(clip)?;
    let mut frames = Vec::new();
    let decoder = Decoder::open(clip)?;
    let mut size = (0, 0);
    while let Some(picture) = decoder.next()? {
        size = (picture.width(), picture.height());
        frames.push(tight(&picture));
    }
    ensure!(frames.len() > SAMPLES, "{} is too short", clip.display());
    let empty = median(&frames);
    let encoder = Encoder::start(to, size, rate, (rate * interval_s as f64).round() as u64)?;
    let (part, pause) = ((rate * parts.0 as f64) as usize, (rate * parts.1 as f64) as usize);
    let mut seed = 1_u32;
    let mut number = 0;
    for part in frames.chunks(part) {
        for _ in 0..pause {
            let mut frame = empty.clone();
            for pixel in &mut frame[..size.0 * size.1] {
                // Numerical Recipes' generator: its upper bits are noise enough.
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 24) as i32 % (2 * NOISE + 1) - NOISE;
                *pixel = (i32::from(*pixel) + noise).clamp(16, 235) as u8;
            }
            encoder.push(frame, number, rate)?;
            number += 1;
        }
        for frame in part {
            encoder.push(frame.clone(), number, rate)?;
            number += 1;
        }
    }
    encoder.finish()
}

/// The planes without padding.
fn tight(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let sizes = [(width, height), (width / 2, height / 2), (width / 2, height / 2)];
    let rows = picture.planes().iter().zip(sizes).flat_map(|(plane, (width, height))| {
        plane.data.chunks(plane.stride).take(height).map(move |row| &row[..width])
    });
    rows.flatten().copied().collect()
}

/// What most of the sampled frames have at each place.
fn median(frames: &[Vec<u8>]) -> Vec<u8> {
    let samples: Vec<&Vec<u8>> =
        (0..SAMPLES).map(|sample| &frames[sample * frames.len() / SAMPLES]).collect();
    let at = |place: usize| {
        let mut values: [u8; SAMPLES] = std::array::from_fn(|sample| samples[sample][place]);
        *values.select_nth_unstable(SAMPLES / 2).1
    };
    (0..frames[0].len()).map(at).collect()
}

struct Encoder {
    pipeline: gst::Pipeline,
    source: AppSrc,
}

impl Encoder {
    fn start(to: &Path, (width, height): (usize, usize), rate: f64, gop: u64) -> anyhow::Result<Self> {
        gst::init()?;
        let rate = (rate * 1000.0).round();
        let launch = format!(
            "appsrc name=source format=time block=true max-buffers=4 max-bytes=0 caps=video/x-raw,format=I420,\
             width={width},height={height},framerate={rate}/1000 ! openh264enc gop-size={gop} bitrate={BITS} \
             rate-control=bitrate scene-change-detection=false ! h264parse ! matroskamux ! filesink name=file"
        );
        let pipeline = gst::parse::launch(&launch)?.downcast::<gst::Pipeline>();
        let pipeline = pipeline.map_err(|_| anyhow!("the encoder is no pipeline"))?;
        pipeline.by_name("file").context("the encoder has no end")?.set_property("location", to);
        let source = pipeline.by_name("source").and_downcast().context("the encoder has no source")?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, source })
    }

    fn push(&self, frame: Vec<u8>, number: u64, rate: f64) -> anyhow::Result<()> {
        let mut buffer = gst::Buffer::from_mut_slice(frame);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_useconds((number as f64 * 1e6 / rate) as u64));
            buffer.set_duration(gst::ClockTime::from_useconds((1e6 / rate) as u64));
        }
        self.source.push_buffer(buffer).map_err(|error| anyhow!("the encoder refused a picture: {error}"))?;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        self.source.end_of_stream().map_err(|error| anyhow!("the encoder does not end: {error}"))?;
        let bus = self.pipeline.bus().context("the encoder has no bus")?;
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(600), &kinds);
        self.pipeline.set_state(gst::State::Null)?;
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            other => Err(anyhow!("the clip was not encoded: {other:?}")),
        }
    }
}

/// Pictures a second, by the container.
pub(crate) fn rate(clip: &Path) -> anyhow::Result<f64> {
    gst::init()?;
    let launch = "filesrc name=from ! parsebin ! appsink name=coded sync=false max-buffers=1";
    let pipeline = gst::parse::launch(launch)?.downcast::<gst::Pipeline>();
    let pipeline = pipeline.map_err(|_| anyhow!("the parser is no pipeline"))?;
    pipeline.by_name("from").context("the parser has no source")?.set_property("location", clip);
    let sink = pipeline.by_name("coded").and_downcast::<AppSink>().context("the parser has no sink")?;
    pipeline.set_state(gst::State::Playing)?;
    let sample = sink.pull_sample();
    pipeline.set_state(gst::State::Null)?;
    let sample = sample.with_context(|| format!("{} cannot be read", clip.display()))?;
    let caps = sample.caps().and_then(|caps| caps.structure(0)).context("a frame without a format")?;
    let rate = caps.get::<gst::Fraction>("framerate")?;
    Ok(f64::from(rate.numer()) / f64::from(rate.denom()))
}
