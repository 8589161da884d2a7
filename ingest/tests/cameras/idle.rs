//! A camera in whose picture nothing moves is decoded at its key frames alone, and whole as soon as something does.
//!
//!     nothing for 8 s ── a ball for 4 s ── nothing for 8 s ── ...    key frames 2 s apart

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::Config;
use cortex_proto::v1;

use crate::{
    clips::made,
    watch::{Watch, store},
};

/// Pictures a second of the clip.
const RATE: usize = 25;

fn clip(folder: &std::path::Path) -> std::path::PathBuf {
    let part = |pattern: &str, seconds: usize| {
        let count = seconds * RATE;
        let caps = format!("video/x-raw,format=I420,width=320,height=240,framerate={RATE}/1");
        format!("videotestsrc num-buffers={count} pattern={pattern} ! {caps} ! all.")
    };
    let encode = "concat name=all ! openh264enc gop-size=50 bitrate=500000 ! h264parse ! matroskamux";
    // The last branch is what is made; the others run into `all`.
    made(folder, "ball", &format!("{} {} {encode}", part("black", 8), part("ball", 4)))
}

fn left_out(frame: &v1::Frame, reason: &str) -> u64 {
    frame.skipped.iter().filter(|skipped| skipped.reason == reason).map(|skipped| skipped.count).sum()
}

#[test]
fn a_still_camera_rests_and_wakes_before_the_next_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(clip(folder.path()))).unwrap();
    let config = Config { idle_after_s: 1.0, idle_look_s: 3600.0, rate: 25.0, ..Watch::config() };
    let mut watch = Watch::begin_with(config, store(), &[("yard", &camera.url())]);
    watch.frame("yard", |frame| frame.heartbeat() == v1::Heartbeat::Unchanged);

    // It wakes, rests, and wakes again: all frames that are told of in between.
    let picture = |frame: &v1::Frame| frame.heartbeat() == v1::Heartbeat::None;
    let woken = watch.frame("yard", |frame| picture(frame) && left_out(frame, "idle") > 0);
    let mut all = vec![woken.clone()];
    loop {
        let frame = watch.frame("yard", |_| true);
        assert_eq!(frame.id.as_ref().unwrap().epoch, woken.id.as_ref().unwrap().epoch, "never lost");
        let again = picture(&frame) && left_out(&frame, "idle") > left_out(&woken, "idle");
        all.push(frame);
        if again {
            break;
        }
    }
    assert!(all.iter().any(|frame| frame.heartbeat() == v1::Heartbeat::Unchanged), "it rested in between");
    assert!(all.windows(2).all(|pair| pair[0].time_us < pair[1].time_us), "time goes on");
    for frame in all.iter().filter(|frame| picture(frame)) {
        let skipped: u64 = frame.skipped.iter().map(|skipped| skipped.count).sum();
        assert_eq!(frame.id.as_ref().unwrap().seq - frame.n, skipped, "each frame counts: {frame:?}");
    }
    // The ball is there for four seconds, and every picture of it is: the key frame before it came was the last look.
    let pictures = all.iter().filter(|frame| picture(frame)).count() as u64;
    assert!(pictures > 4 * RATE as u64 - 10, "{pictures} pictures of the ball");
    let rested = left_out(&all[all.len() - 1], "idle") - left_out(&woken, "idle");
    assert!(rested > 3 * RATE as u64, "{rested} frames were never decoded");
    watch.end();
}
