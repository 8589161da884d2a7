//! A still scene as a camera sees it: textured, with the noise of a sensor, in H.264.

use std::path::Path;

use anyhow::{Context, anyhow};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSrc;

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const RATE: u64 = 25;
const SECONDS: u64 = 20;
/// Frames between key frames: 2 s.
const GOP: u64 = 50;
/// The quantizer, the same for every frame, as of a camera whose bit rate varies; the encoder's own rate control would
/// swing. With this scene and noise it makes 3.6 Mbit/s.
const QP: u64 = 24;
/// Most that noise moves a pixel's luma, in grey levels; uniform, so its deviation is 3.
const NOISE: f32 = 5.25;

/// Writes it.
pub(super) fn write(path: &Path) -> anyhow::Result<()> {
    gst::init()?;
    let launch = format!(
        "appsrc name=source format=time block=true max-buffers=4 max-bytes=0 caps=video/x-raw,format=I420,\
         width={WIDTH},height={HEIGHT},framerate={RATE}/1 ! openh264enc gop-size={GOP} \
         rate-control=bitrate bitrate=20000000 qp-min={QP} qp-max={QP} ! h264parse ! matroskamux ! filesink name=file"
    );
    let pipeline = gst::parse::launch(&launch)?.downcast::<gst::Pipeline>();
    let pipeline = pipeline.map_err(|_| anyhow!("the encoder is no pipeline"))?;
    pipeline.by_name("file").context("the encoder has no end")?.set_property("location", path);
    let source = pipeline.by_name("source").and_downcast::<AppSrc>().context("the encoder has no source")?;
    pipeline.set_state(gst::State::Playing)?;
    let scene = scene();
    let mut seed = 1_u32;
    for frame in 0..RATE * SECONDS {
        let mut bytes = vec![128; WIDTH * HEIGHT * 3 / 2];
        for (pixel, still) in bytes.iter_mut().zip(&scene) {
            // Numerical Recipes' generator: its upper bits are noise enough.
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * NOISE;
            *pixel = (still + noise.round()).clamp(16.0, 235.0) as u8;
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_mseconds(frame * 1000 / RATE));
            buffer.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
        }
        source.push_buffer(buffer).map_err(|error| anyhow!("the encoder refused a picture: {error}"))?;
    }
    source.end_of_stream().map_err(|error| anyhow!("the encoder does not end: {error}"))?;
    let bus = pipeline.bus().context("the encoder has no bus")?;
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(120), &kinds);
    pipeline.set_state(gst::State::Null)?;
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        other => Err(anyhow!("the clip was not encoded: {other:?}")),
    }
}

/// Luma of a yard, more or less: soft gradients, edges of many sizes, fine texture.
fn scene() -> Vec<f32> {
    let pixel = |x: usize, y: usize| {
        let soft = 70.0 + 50.0 * (x as f32 / 400.0).sin() * (y as f32 / 250.0).cos();
        let walls = if (x / 240 + y / 180).is_multiple_of(3) { 30.0 } else { 0.0 };
        let bricks = if x % 48 < 3 || y % 24 < 2 { -18.0 } else { 0.0 };
        let grain = ((x * 7919 + y * 104_729) % 23) as f32 - 11.0;
        (soft + walls + bricks + grain * 0.1).clamp(16.0, 235.0).floor()
    };
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| pixel(x, y))).collect()
}
