//! Cameras come and go while the others run.

use cortex_camera::{Camera, CameraOptions};

use crate::watch::{Watch, clip, store};

#[test]
fn a_camera_is_added_and_one_removed_while_another_goes_on() {
    let camera = Camera::start(CameraOptions::new(clip())).unwrap();
    let mut watch = Watch::begin(store(), &[("stays", &camera.url()), ("leaves", "test://pattern")]);
    let before = watch.picture("stays", |_| true);
    watch.picture("leaves", |frame| frame.n > 1);
    watch.change(|tables| {
        tables.take_camera(&Watch::entry("comes", "test://pattern", 2));
        let gone = cortex_proto::v1::Camera { deleted: true, ..Watch::entry("leaves", "test://pattern", 3) };
        tables.take_camera(&gone);
    });
    watch.picture("comes", |frame| frame.n > 1);
    let after = watch.picture("stays", |frame| frame.n > before.n + 3);
    assert_eq!(before.id.unwrap().epoch, after.id.unwrap().epoch, "not disturbed");
    assert!(watch.is_quiet("leaves", "stays"), "what was removed gives nothing any more");
    watch.end();
}
