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
