//! A camera that goes away comes back by itself, under a new epoch, and never stops another.
//!
//!     camera ── frames ── stopped ── (offline) ── started on the same port ── frames, recovered

use std::{net::TcpListener, path::PathBuf};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1;

use crate::watch::{Watch, clip, store};

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
