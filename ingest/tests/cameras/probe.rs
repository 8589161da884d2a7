//! A probe says what a camera sends, and what of it will hurt.

use std::{sync::Arc, time::Duration};

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::{Config, probe};
use cortex_proto::v1;

use crate::{clips::made, watch::clip};

#[test]
fn a_probe_tells_settings_that_hurt() {
    let folder = tempfile::tempdir().unwrap();
    let look = |name: &str, gop: u32| {
        let caps = "video/x-raw,format=I420,width=320,height=240,framerate=25/1";
        let encode = format!("openh264enc gop-size={gop} ! h264parse ! matroskamux");
        let launch = format!("videotestsrc num-buffers={} ! {caps} ! {encode}", 2 * gop);
        let camera = Camera::start(CameraOptions::new(made(folder.path(), name, &launch))).unwrap();
        let request = v1::ProbeRequest { url: camera.url(), ..Default::default() };
        let limit = Duration::from_secs(15);
        probe(&request, v1::Origin::Api, &Config::default(), &(Arc::new(|_: &str| None) as _), limit).unwrap()
    };
    let good = look("good", 25);
    assert_eq!((good.codec.as_str(), good.width, good.height), ("H264", 320, 240));
    assert!((good.key_interval_s - 1.0).abs() < 0.1 && good.kilobits > 0.0, "{good:?}");
    assert!(good.profile.contains("baseline") && good.warnings.is_empty(), "{good:?}");
    assert!(good.sub_streams.is_empty() && !good.snapshot.is_empty());
    let bad = look("bad", 150);
    assert!((bad.key_interval_s - 6.0).abs() < 0.2, "{bad:?}");
    let warning = format!("key frames are {:.1} s apart", bad.key_interval_s);
    assert!(bad.warnings.iter().any(|told| told.contains(&warning)), "{bad:?}");
}

#[test]
fn a_probe_finds_the_smaller_stream_beside_the_main_one() {
    let folder = tempfile::tempdir().unwrap();
    let launch = "videotestsrc num-buffers=50 ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 \
                  ! openh264enc gop-size=25 ! h264parse ! matroskamux";
    let sub = Some(("yard_sub".to_owned(), made(folder.path(), "sub", launch)));
    let camera = CameraOptions { path: "yard_main".into(), sub, ..CameraOptions::new(clip()) };
    let camera = Camera::start(camera).unwrap();
    let request = v1::ProbeRequest { url: camera.url(), ..Default::default() };
    let nobody = Arc::new(|_: &str| None) as cortex_ingest::Credentials;
    let found =
        probe(&request, v1::Origin::Api, &Config::default(), &nobody, Duration::from_secs(15)).unwrap();
    let [sub] = found.sub_streams.as_slice() else { panic!("{:?}", found.sub_streams) };
    assert_eq!((sub.width, sub.height), (160, 120));
    assert!(sub.url.ends_with("/yard_sub") && found.width > 160, "{found:?}");
}
