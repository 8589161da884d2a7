//! Bad networks: packets that get lost, and a name that nobody knows.

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::Config;

use crate::watch::{Watch, clip, store};

#[test]
fn a_camera_that_loses_packets_is_watched_on_without_a_new_connection() {
    let camera = Camera::start(CameraOptions { lost: 100, ..CameraOptions::new(clip()) }).unwrap();
    let config = Config { stall_s: 20.0, ..Watch::config() };
    let mut watch = Watch::begin_with(config, store(), &[("yard", &camera.url())]);
    let first = watch.picture("yard", |_| true);
    let later = watch.picture("yard", |frame| frame.n > first.n + 40);
    assert_eq!(first.id.unwrap().epoch, later.id.unwrap().epoch);
    watch.end();
}

#[test]
fn a_name_that_nobody_knows_is_told_and_disturbs_nobody() {
    let cameras = [("lost", "rtsp://nowhere.invalid/camera"), ("pattern", "test://pattern")];
    let mut watch = Watch::begin(store(), &cameras);
    let told = watch.anomaly("lost");
    assert!(told.kind == "offline" && told.why.contains("look up nowhere.invalid"), "{}", told.why);
    watch.picture("pattern", |frame| frame.n > 2);
    watch.end();
}
