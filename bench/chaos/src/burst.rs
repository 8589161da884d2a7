//! Ten times the frames that fit. Ingest is played by the harness here, because it would leave out what is too much before anybody
//! else had to: what is judged is what a detector does with more than it can take.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use cortex_proto::{Message as _, epoch, topics, v1};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};

use crate::{
    broker::{self, Broker},
    clip::{self, SIZE},
    ledger::{Phase, now_us},
    plant::Plant,
    run::Setting,
    stamp::Stamp,
};

/// Cameras that send.
pub(crate) const CAMERAS: usize = 16;
/// What they are called, before their number.
pub(crate) const NAME: &str = "burst";
/// Each picture of the clip is sent so often, so that people walk in the flood about as fast as they did.
pub(crate) const PACE: u64 = 2;
/// Frames a second and camera: well within what a core can analyse, and somewhat more than that.
const CALM: f64 = 0.5;
const FULL: f64 = 3.0;
/// The flood is so many times what was analysed before: ten, and a twentieth for the wait for the cluster to take the last and
/// for what the machine may do more of later. The judge says how many times it was.
const FLOOD: f64 = 10.5;
const STEADY: Duration = Duration::from_secs(20);
const BURST: Duration = Duration::from_secs(30);
/// Pictures held: all of the clip, and more than are sent of a camera where less than 75 a second fit. Their numbers tell what
/// was produced.
const PICTURES: usize = 1_590;

/// Sends what shows how much fits, far too much, little, and again what shows how much fits: the machine may be another by
/// then.
pub(crate) fn run(plant: &mut Plant<'_>, setting: &Setting) -> anyhow::Result<()> {
    let clips = clip::clips(&setting.clip, &setting.clips, setting.cameras, None)?;
    let pictures = pictures(clips.first().context("there is a clip")?)?;
    let (brokers, prefix) = (plant.fleet.servers.kafka.clone(), plant.fleet.name.clone());
    let places = broker::partitions(&brokers, &prefix, CAMERAS)?;
    let broker = Broker::open(&brokers, &prefix)?;
    let mut n = 0;
    let mut send = |rate: f64, time: Duration| -> anyhow::Result<()> {
        let begun = Instant::now();
        for round in 1.. {
            for (camera, partition) in &places {
                let frame = frame(camera, n, &pictures[n as usize % pictures.len()]);
                let slot = frame.slot();
                broker.publish(&topics::FRAMES, *partition, (camera, &slot), &frame.encode())?;
            }
            n += 1;
            let due = begun + Duration::from_secs_f64(f64::from(round) / rate);
            if due > begun + time {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        broker.flush()
    };
    send(CALM, STEADY / 2)?;
    plant.phase(Phase::Steady)?;
    let analysed = || broker::published(&brokers, &prefix, &topics::DETECTIONS);
    let before = analysed()?;
    send(FULL, STEADY)?;
    let fit = (analysed()? - before) as f64 / STEADY.as_secs_f64();
    plant.phase(Phase::Fault)?;
    send(FLOOD * fit / CAMERAS as f64, BURST)?;
    plant.phase(Phase::Heal)?;
    send(CALM, STEADY / 2)?;
    plant.phase(Phase::Settle)?;
    send(FULL, STEADY)
}

fn frame(camera: &str, n: u64, picture: &[u8]) -> v1::Frame {
    let now = now_us();
    v1::Frame {
        id: Some(v1::FrameId {
            camera: camera.to_owned(),
            role: v1::Role::Main as i32,
            epoch: epoch(1, 1),
            seq: n,
        }),
        n,
        time_us: now,
        received_us: now,
        width: SIZE.0 as u32,
        height: SIZE.1 as u32,
        source_width: SIZE.0 as u32,
        source_height: SIZE.1 as u32,
        plan: v1::Plan::Detect as i32,
        picture: picture.to_vec(),
        ..Default::default()
    }
}

/// The first pictures of a clip as JPEG, each [`PACE`] times with another stamp.
fn pictures(clip: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    gst::init()?;
    let (width, height) = SIZE;
    let decoder = clip::pipeline(
        "filesrc name=file ! parsebin ! avdec_h264 ! videoconvert ! video/x-raw,format=I420 \
         ! appsink name=pictures sync=false max-buffers=4",
    )?;
    let encoder = clip::pipeline(&format!(
        "appsrc name=source format=time caps=video/x-raw,format=I420,width={width},height={height},framerate=20/1 \
         ! jpegenc quality=85 ! appsink name=pictures sync=false"
    ))?;
    decoder.by_name("file").context("the decoder has no source")?.set_property("location", clip);
    let source = encoder.by_name("source").and_downcast::<AppSrc>().context("the encoder has no source")?;
    let (decoded, encoded) = (end(&decoder)?, end(&encoder)?);
    decoder.set_state(gst::State::Playing)?;
    encoder.set_state(gst::State::Playing)?;
    let mut pictures = Vec::new();
    while pictures.len() < PICTURES {
        let Ok(sample) = decoded.pull_sample() else { break };
        let picture = sample.buffer().context("a sample without a picture")?.map_readable()?;
        for _ in 0..PACE {
            let stamp = Stamp { camera: 0, number: pictures.len() as u16 };
            source.push_buffer(gst::Buffer::from_mut_slice(clip::stamped(stamp, picture.to_vec())))?;
            let sample = encoded.pull_sample()?;
            pictures.push(sample.buffer().context("a sample without a picture")?.map_readable()?.to_vec());
        }
    }
    decoder.set_state(gst::State::Null)?;
    encoder.set_state(gst::State::Null)?;
    ensure!(!pictures.is_empty(), "{} has no pictures", clip.display());
    Ok(pictures)
}

fn end(pipeline: &gst::Pipeline) -> anyhow::Result<AppSink> {
    pipeline.by_name("pictures").and_downcast().context("a pipeline has no end")
}
