//! Cameras come and go while the others run, and partitions of ingest's group come and go with theirs.

use std::sync::Arc;

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::{epoch_term, topics, v1};

use crate::watch::{Watch, clip, store};

#[test]
fn a_camera_is_added_and_one_removed_while_another_goes_on() {
    let camera = Camera::start(CameraOptions::new(clip())).unwrap();
    let mut watch = Watch::begin(store(), &[("stays", &camera.url()), ("leaves", "test://pattern")]);
    let before = watch.picture("stays", |_| true);
    watch.picture("leaves", |frame| frame.n > 1);
    watch.change(|tables| {
        tables.take_camera(&Watch::entry("comes", "test://pattern", 2));
        let gone = v1::Camera { deleted: true, ..Watch::entry("leaves", "test://pattern", 3) };
        tables.take_camera(&gone);
    });
    watch.picture("comes", |frame| frame.n > 1);
    let after = watch.picture("stays", |frame| frame.n > before.n + 3);
    assert_eq!(before.id.unwrap().epoch, after.id.unwrap().epoch, "not disturbed");
    assert!(watch.is_quiet("leaves", "stays"), "what was removed gives nothing any more");
    watch.end();
}

#[test]
fn a_camera_goes_on_whose_partition_went_and_came_back_at_once() {
    let partition = topics::PARTITIONS - 1;
    let camera = v1::Camera { partition, ..Watch::entry("yard", "test://pattern", 1) };
    let mut watch = Watch::begin_on(Watch::config(), Arc::new(|_| None), camera);
    let term = |frame: &v1::Frame| epoch_term(frame.id.as_ref().unwrap().epoch);
    let before = watch.picture("yard", |_| true);
    watch.flap();
    watch.picture("yard", |frame| term(frame) > term(&before));
    watch.end();
}
