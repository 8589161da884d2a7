//! A camera that goes away comes back by itself, under a new epoch, and never stops another.
//!
//!     camera ── frames ── stopped ── (offline) ── started on the same port ── frames, recovered

use std::{net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::{Config, probe};
use cortex_proto::v1;
use cortex_runtime::still;

use crate::{
    clips::made,
    watch::{Watch, clip, store},
};

fn epoch(frame: &v1::Frame) -> u64 {
    frame.id.as_ref().unwrap().epoch
}

/// An address that nobody listens on: its port was taken and let go.
fn nobody() -> (u16, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (port, format!("rtsp://127.0.0.1:{port}/camera"))
}

#[test]
fn a_killed_camera_comes_back_and_a_dead_one_disturbs_nobody() {
    let camera = Camera::start(CameraOptions::new(clip())).unwrap();
    let (port, url) = (camera.port(), camera.url());
    let mut watch = Watch::begin(store(), &[("yard", &url), ("dead", &nobody().1)]);

    let first = watch.picture("yard", |_| true);
    let later = watch.picture("yard", |frame| frame.n > 3);
    let (one, other) = (first.id.unwrap(), later.id.clone().unwrap());
    assert_eq!((one.epoch, one.camera.as_str()), (other.epoch, "yard"));
    assert!(later.time_us > first.time_us && other.seq >= later.n);
    assert_eq!((later.source_width, later.source_height), (768, 576));
    let dead = watch.anomaly("dead");
    assert!(dead.kind == "offline" && !dead.why.is_empty(), "{dead:?}");

    camera.stop();
    assert_eq!(watch.anomaly("yard").kind, "offline");
    let again = Camera::start(CameraOptions { port, ..CameraOptions::new(clip()) }).unwrap();
    let back = watch.picture("yard", |frame| epoch(frame) > other.epoch);
    assert_eq!(back.n, 0, "a new epoch begins at its beginning");
    assert_eq!(watch.anomaly("yard").kind, "recovered");
    watch.end();
    again.stop();
}

#[test]
fn a_camera_that_hangs_or_ends_its_stream_is_connected_anew() {
    let camera = Camera::start(CameraOptions::new(clip())).unwrap();
    let mut watch = Watch::begin(store(), &[("yard", &camera.url())]);
    let before = watch.picture("yard", |frame| frame.n > 1);

    camera.freeze(true);
    let offline = watch.anomaly("yard");
    assert_eq!(offline.kind, "offline", "every connection is open, and nothing comes");
    camera.freeze(false);
    let thawed = watch.picture("yard", |frame| epoch(frame) > epoch(&before));
    assert_eq!(watch.anomaly("yard").kind, "recovered");

    camera.end_stream();
    watch.picture("yard", |frame| epoch(frame) > epoch(&thawed));
    watch.end();
}

#[test]
fn a_stream_that_is_joined_between_key_frames_begins_with_a_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    // Key frames are further apart than what counts as a stall here.
    let launch = "videotestsrc num-buffers=200 pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
                  ! openh264enc gop-size=100 ! h264parse ! matroskamux";
    let camera = Camera::start(CameraOptions::new(made(folder.path(), "white", launch))).unwrap();
    let mut first = Watch::begin(store(), &[("first", &camera.url())]);
    first.picture("first", |frame| frame.n > 2);

    let mut late = Watch::begin(store(), &[("late", &camera.url())]);
    let request = v1::ProbeRequest { url: camera.url(), ..Default::default() };
    let nobody = Arc::new(|_: &str| None) as cortex_ingest::Credentials;
    let limit = Duration::from_secs(15);
    let found = probe(&request, v1::Origin::Api, &Config::default(), &nobody, limit).unwrap();
    let seen = still::decode(&found.snapshot, still::Limits::default()).unwrap();
    assert!(seen.planes()[0].data.iter().all(|level| *level > 220), "white, and not what a decoder guesses");
    let picture = late.picture("late", |_| true);
    assert_eq!(epoch(&picture) & 0xff_ffff, 1, "nor was it taken for one that stalled");
    late.end();
    first.end();
}

#[test]
fn an_outage_ends_after_a_restart_and_is_told_once() {
    let (port, url) = nobody();
    let store = store();
    let mut watch = Watch::begin(store.clone(), &[("yard", &url)]);
    let offline = watch.anomaly("yard");
    assert_eq!(offline.kind, "offline");
    watch.end();

    let camera = Camera::start(CameraOptions { port, ..CameraOptions::new(clip()) }).unwrap();
    let mut watch = Watch::begin(store.clone(), &[("yard", &url)]);
    let recovered = watch.anomaly("yard");
    assert_eq!(recovered.kind, "recovered");
    assert!((recovered.began_us - offline.began_us).abs() < 1_000_000, "the outage that was told");
    watch.end();

    // Nobody waits for another word.
    let mut watch = Watch::begin(store, &[("yard", &url)]);
    watch.picture("yard", |frame| frame.n > 1);
    camera.stop();
    assert_eq!(watch.anomaly("yard").kind, "offline");
    watch.end();
}

#[test]
fn a_truncated_file_and_garbage_end_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(clip()).unwrap();
    let (cut, garbage) = (folder.path().join("cut.mp4"), folder.path().join("garbage.mp4"));
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(&garbage, [7; 10_000]).unwrap();
    let url = |path: &PathBuf| format!("file://{}", path.display());
    let cameras = [("cut", url(&cut)), ("garbage", url(&garbage)), ("pattern", "test://pattern".to_owned())];
    let cameras = cameras.each_ref().map(|(id, url)| (*id, url.as_str()));
    let mut watch = Watch::begin(store(), &cameras);
    assert_eq!(watch.anomaly("garbage").kind, "offline");
    watch.picture("pattern", |frame| frame.n > 2);
    watch.end();
}
