//! A camera that goes away comes back by itself, under a new epoch, and never stops another.
//!
//!     camera ── frames ── stopped ── (offline) ── started on the same port ── frames, recovered
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::{Config, Ingest};
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Captured, Context, Lifecycle, Source, Tables,
    bus::{Embedded, From, Full, Tail, Take},
    store::{Retention, Sqlite},
};

const LIMIT: Duration = Duration::from_secs(60);

fn clip() -> PathBuf {
    let clip = cortex_runtime::config::home().join("clips/vtest.mp4");
    assert!(clip.is_file(), "{} is missing: `make setup` makes it", clip.display());
    clip
}

fn context(runtime: &tokio::runtime::Runtime, cameras: &[(&str, &str)]) -> Context {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let mut tables = Tables::default();
    for (id, url) in cameras {
        tables.take_camera(&v1::Camera {
            id: (*id).into(),
            site: "s".into(),
            url: (*url).into(),
            ..Default::default()
        });
    }
    Context {
        bus: Arc::new(Embedded::open(None, Full::Shed).unwrap()),
        store: Arc::new(Sqlite::open(None, retention).unwrap()),
        tables: Arc::new(ArcSwap::from_pointee(tables)),
        lifecycle: Lifecycle::new(runtime.handle().clone()),
    }
}

fn run(context: &Context) {
    let config = Config { offline_after_s: 1.0, stall_s: 2.0, ..Config::default() };
    let source = context.clone();
    context.lifecycle.thread("ingest", move || Ingest::new(config, Arc::new(|_| None)).run(source));
}

/// The next picture of a camera for which `wanted` holds.
fn picture(frames: &mut dyn Tail, camera: &str, wanted: impl Fn(&v1::Frame) -> bool) -> v1::Frame {
    loop {
        let records = frames.next(Take { count: 32, wait: LIMIT }).unwrap();
        assert!(!records.is_empty(), "no picture of {camera} came");
        for record in records.iter().filter(|record| &*record.key == camera) {
            let captured = record.message::<Captured>().unwrap();
            if captured.picture.is_some() && wanted(&captured.message) {
                return captured.message.clone();
            }
        }
    }
}

fn anomaly(anomalies: &mut dyn Tail, camera: &str) -> v1::Anomaly {
    loop {
        let records = anomalies.next(Take { count: 32, wait: LIMIT }).unwrap();
        assert!(!records.is_empty(), "no anomaly of {camera} came");
        let all = records.iter().map(|record| record.message::<v1::Anomaly>().unwrap());
        if let Some(anomaly) = all.into_iter().find(|anomaly| anomaly.camera == camera) {
            return (*anomaly).clone();
        }
    }
}

#[test]
fn a_killed_camera_comes_back_and_a_dead_one_disturbs_nobody() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let camera = Camera::start(CameraOptions::new(clip())).unwrap();
    let (port, url) = (camera.port(), camera.url());
    // A port that nobody listens on: taken and let go.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let context = context(&runtime, &[("yard", &url), ("dead", &format!("rtsp://{nobody}/none"))]);
    let mut frames = context.bus.tail(&[&topics::FRAMES], From::End).unwrap();
    let mut anomalies = context.bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
    run(&context);

    let first = picture(&mut *frames, "yard", |_| true);
    let later = picture(&mut *frames, "yard", |frame| frame.n > 3);
    let (one, other) = (first.id.unwrap(), later.id.clone().unwrap());
    assert_eq!((one.epoch, one.camera.as_str()), (other.epoch, "yard"));
    assert!(later.time_us > first.time_us && other.seq >= later.n);
    assert_eq!((later.source_width, later.source_height), (768, 576));
    let dead = anomaly(&mut *anomalies, "dead");
    assert!(dead.kind == "offline" && !dead.why.is_empty(), "{dead:?}");

    camera.stop();
    assert_eq!(anomaly(&mut *anomalies, "yard").kind, "offline");
    let again = Camera::start(CameraOptions { port, ..CameraOptions::new(clip()) }).unwrap();
    let back = picture(&mut *frames, "yard", |frame| frame.id.as_ref().unwrap().epoch > other.epoch);
    assert_eq!(back.n, 0, "a new epoch begins at its beginning");
    assert_eq!(anomaly(&mut *anomalies, "yard").kind, "recovered");

    context.stop().cancel();
    runtime.block_on(context.lifecycle.ended(LIMIT)).unwrap();
    again.stop();
}

/// The clip as bare H.264 whose pictures, from the 60th on, are full of flipped bits.
fn damaged(folder: &Path) -> PathBuf {
    let path = folder.join("damaged.h264");
    let source = format!("location={}", clip().display());
    let target = format!("location={}", path.display());
    let status = Command::new("gst-launch-1.0")
        .args(["-q", "filesrc", &source, "!", "qtdemux", "!", "h264parse", "config-interval=-1"])
        .args(["!", "video/x-h264,stream-format=byte-stream,alignment=au", "!", "filesink", &target])
        .status();
    assert!(status.unwrap().success());
    let mut bytes = std::fs::read(&path).unwrap();
    let starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at + 3).collect();
    // Slices only: parameter sets stay whole, so the stream goes on and its pictures are garbage.
    let slices = starts.iter().filter(|at| matches!(bytes[**at] & 31, 1 | 5)).copied().collect::<Vec<_>>();
    for pair in slices[60..].windows(2) {
        (pair[0] + 8..pair[1].saturating_sub(16)).step_by(50).for_each(|at| bytes[at] ^= 0x55);
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn garbage_from_one_camera_disturbs_no_other() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.mp4");
    std::fs::write(&garbage, [7; 10_000]).unwrap();
    let sound = Camera::start(CameraOptions::new(clip())).unwrap();
    let broken = Camera::start(CameraOptions::new(damaged(folder.path()))).unwrap();
    let (sound_url, broken_url) = (sound.url(), broken.url());
    let file_url = format!("file://{}", garbage.display());
    let context =
        context(&runtime, &[("sound", &sound_url), ("broken", &broken_url), ("garbage", &file_url)]);
    let mut frames = context.bus.tail(&[&topics::FRAMES], From::End).unwrap();
    let mut others = context.bus.tail(&[&topics::FRAMES], From::End).unwrap();
    let mut anomalies = context.bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
    run(&context);

    assert_eq!(anomaly(&mut *anomalies, "garbage").kind, "offline");
    let before = picture(&mut *frames, "sound", |_| true).id.unwrap();
    // Far into the garbage the broken camera still gives pictures, and the sound one was not even interrupted.
    picture(&mut *others, "broken", |frame| frame.id.as_ref().unwrap().seq > 150);
    let after = picture(&mut *frames, "sound", |frame| frame.n > 15).id.unwrap();
    assert_eq!(after.epoch, before.epoch, "the sound camera was never lost");
    context.stop().cancel();
    runtime.block_on(context.lifecycle.ended(LIMIT)).unwrap();
    sound.stop();
    broken.stop();
}
