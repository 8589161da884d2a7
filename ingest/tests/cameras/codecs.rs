//! What cameras send besides H.264, and what their own clock says.

use cortex_camera::{Camera, CameraOptions, Clip, Codec};

use crate::{
    clips::made,
    watch::{Watch, store},
};

/// 25 drawn pictures of 320x240, 25 a second.
const DRAWN: &str =
    "videotestsrc num-buffers=25 ! video/x-raw,format=I420,width=320,height=240,framerate=25/1";

#[test]
fn h265_and_mjpeg_become_frames() {
    let folder = tempfile::tempdir().unwrap();
    let clips = [
        ("h265", Codec::H265, "x265enc key-int-max=5 speed-preset=ultrafast ! h265parse ! matroskamux"),
        ("mjpeg", Codec::Mjpeg, "jpegenc ! avimux"),
    ];
    let cameras = clips.map(|(name, codec, encode)| {
        let clip = made(folder.path(), name, &format!("{DRAWN} ! {encode}"));
        assert_eq!(Clip::read(&clip).unwrap().codec, codec);
        (name, Camera::start(CameraOptions::new(clip)).unwrap())
    });
    let urls = cameras.each_ref().map(|(name, camera)| (*name, camera.url()));
    let mut watch = Watch::begin(store(), &urls.each_ref().map(|(name, url)| (*name, url.as_str())));
    for (name, ..) in clips {
        let frame = watch.picture(name, |frame| frame.n > 2);
        assert_eq!((frame.width, frame.height), (320, 240), "{name}");
    }
    watch.end();
}

#[test]
fn a_camera_may_change_its_size_in_mid_stream_and_its_codec_at_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, width: u32, height: u32| {
        let drawn = format!(
            "videotestsrc num-buffers=50 ! video/x-raw,format=I420,width={width},height={height},framerate=25/1"
        );
        let encode = "openh264enc gop-size=25 ! h264parse config-interval=-1 \
                      ! video/x-h264,stream-format=byte-stream,alignment=au";
        std::fs::read(made(folder.path(), name, &format!("{drawn} ! {encode}"))).unwrap()
    };
    let both = folder.path().join("both.h264");
    std::fs::write(&both, [part("small", 320, 240), part("large", 640, 480)].concat()).unwrap();
    let camera = Camera::start(CameraOptions::new(&both)).unwrap();
    let port = camera.port();
    let mut watch = Watch::begin(store(), &[("yard", &camera.url())]);
    let small = watch.picture("yard", |frame| frame.width == 320);
    let large = watch.picture("yard", |frame| frame.width == 640);
    assert_eq!(large.source_height, 480);
    assert_eq!(small.id.unwrap().epoch, large.id.unwrap().epoch, "the connection goes on");

    camera.stop();
    let encode = "x265enc key-int-max=5 speed-preset=ultrafast ! h265parse ! matroskamux";
    let other = made(folder.path(), "other", &format!("{DRAWN} ! {encode}"));
    let other = Camera::start(CameraOptions { port, ..CameraOptions::new(other) }).unwrap();
    watch.picture("yard", |frame| frame.width == 320);
    watch.end();
    other.stop();
}
