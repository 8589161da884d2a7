//! A probe says what a camera sends, and what of it will hurt.

use std::{sync::Arc, time::Duration};

use cortex_camera::{Camera, CameraOptions};
use cortex_ingest::{Config, probe};
use cortex_proto::v1;

use crate::clips::made;

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
    let bad = look("bad", 150);
    assert!((bad.key_interval_s - 6.0).abs() < 0.2, "{bad:?}");
    assert!(bad.warnings.iter().any(|warning| warning.contains("key frames are 6.0 s apart")), "{bad:?}");
}
