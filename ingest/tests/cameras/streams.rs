//! A camera with two streams is analysed on the smaller one, and on the main one while something is tracked.

use std::sync::Arc;

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::Config;
use cortex_proto::v1;

use crate::{
    clips::made,
    watch::{Watch, clip},
};

#[test]
fn the_main_stream_is_open_only_while_something_is_tracked() {
    let folder = tempfile::tempdir().unwrap();
    let launch = "videotestsrc num-buffers=100 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
                  ! openh264enc gop-size=25 ! h264parse ! matroskamux";
    let sub = Camera::start(CameraOptions::new(made(folder.path(), "sub", launch))).unwrap();
    let main = Camera::start(CameraOptions::new(clip())).unwrap();
    let entry = |main: &str| v1::Camera {
        id: "yard".into(),
        site: "s".into(),
        url: main.to_owned(),
        sub_url: sub.url(),
        ..Default::default()
    };
    let config = Config { idle_after_s: 1.0, ..Watch::config() };
    let mut watch = Watch::begin_on(config.clone(), Arc::new(|_| None), entry(&main.url()));
    let role = |frame: &v1::Frame| frame.id.as_ref().unwrap().role();
    let small = watch.picture("yard", |_| true);
    assert_eq!((role(&small), small.width), (v1::Role::Sub, 320));
    let tracked = |tracked| v1::Demand {
        camera: "yard".into(),
        asker: "detector".into(),
        tracked,
        ..Default::default()
    };
    watch.ask(tracked(true));
    let mut last = small.clone();
    let mut until = |watch: &mut Watch, wanted: v1::Role| loop {
        let frame = watch.picture("yard", |_| true);
        assert_eq!(frame.id.as_ref().unwrap().epoch, last.id.as_ref().unwrap().epoch, "one row");
        assert!(frame.n == last.n + 1 && frame.time_us > last.time_us, "{last:?} {frame:?}");
        last = frame.clone();
        if role(&frame) == wanted {
            break frame;
        }
    };
    let large = until(&mut watch, v1::Role::Main);
    assert!(large.width > small.width, "{large:?}");
    watch.ask(tracked(false));
    until(&mut watch, v1::Role::Sub);
    watch.end();

    // Without its main stream the camera is watched all the same, and says what is missing.
    drop(main);
    let mut watch = Watch::begin_on(config, Arc::new(|_| None), entry("rtsp://127.0.0.1:9/none"));
    watch.picture("yard", |_| true);
    watch.ask(tracked(true));
    let told = watch.status("yard", |status| !status.error.is_empty());
    assert!(told.connected && told.error.starts_with("main stream: "), "{told:?}");
    assert_eq!(role(&watch.picture("yard", |_| true)), v1::Role::Sub);
    watch.end();
}
