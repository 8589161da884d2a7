//! A camera whose lens is covered tells it, and that it is over.
//!
//!     a picture for 12 s ── black for 9 s ── the picture ── ...

use cortex_camera::{Camera, CameraOptions};

use crate::{
    clips::made,
    watch::{Watch, store},
};

#[test]
fn a_covered_camera_is_told_with_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let part = |pattern: &str, count: u32| {
        let caps = "video/x-raw,format=I420,width=320,height=240,framerate=10/1";
        format!("videotestsrc num-buffers={count} pattern={pattern} ! {caps} ! all.")
    };
    let encode = "concat name=all ! openh264enc gop-size=20 bitrate=500000 ! h264parse ! matroskamux";
    let launch = format!("{} {} {encode}", part("smpte", 120), part("black", 90));
    let camera = Camera::start(CameraOptions::new(made(folder.path(), "covered", &launch))).unwrap();
    let mut watch = Watch::begin(store(), &[("yard", &camera.url())]);
    let told = watch.anomaly("yard");
    assert_eq!((told.kind.as_str(), told.rule.as_str()), ("covered", "camera-health"), "{told:?}");
    let measure = &told.measures[0];
    assert!(measure.value < measure.threshold && told.began_us < told.time_us, "{told:?}");
    assert!(told.why.contains("nothing to be seen"), "{}", told.why);
    assert_eq!(watch.anomaly("yard").kind, "recovered");
    watch.end();
}
