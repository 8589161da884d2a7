//! A camera that sends garbage, and a file that is garbage, disturb no other camera.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cortex_camera::{Camera, CameraOptions};

use crate::watch::{Watch, clip, store};

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
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.mp4");
    std::fs::write(&garbage, [7; 10_000]).unwrap();
    let sound = Camera::start(CameraOptions::new(clip())).unwrap();
    let broken = Camera::start(CameraOptions::new(damaged(folder.path()))).unwrap();
    let file = format!("file://{}", garbage.display());
    let cameras = [("sound", sound.url()), ("broken", broken.url()), ("garbage", file)];
    let mut watch = Watch::begin(store(), &cameras.each_ref().map(|(id, url)| (*id, url.as_str())));

    assert_eq!(watch.anomaly("garbage").kind, "offline");
    let before = watch.picture("sound", |_| true).id.unwrap();
    // Far into the garbage the broken camera still gives pictures, and the sound one was not even interrupted.
    watch.picture("broken", |frame| frame.id.as_ref().unwrap().seq > 150);
    let after = watch.picture("sound", |frame| frame.n > 15).id.unwrap();
    assert_eq!(after.epoch, before.epoch, "the sound camera was never lost");
    watch.end();
    sound.stop();
    broken.stop();
}
