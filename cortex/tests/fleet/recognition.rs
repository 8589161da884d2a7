//! Somebody is enrolled through the alerter by one request and known by the recognizer, from faces that the detector picked
//! out: three processes, and nothing clear between the last two.
//!
//!     enroll ── alerter ── recognizer ──> store        camera ── ingest ── detector ── chips, sealed ── recognizer ──> identities

use std::time::Instant;

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::{topics, v1};
use cortex_runtime::bus::{Bus, From, Take};

use crate::support::{
    self, Cortex, LIMIT,
    fleet::{Fleet, recognising},
};

#[test]
fn who_is_enrolled_at_one_process_is_known_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let config = recognising(folder.path(), &camera.url(), "");
    let fleet = Fleet::new(config, folder.path());
    let (front, person) = fleet.enrolled();

    let mut identities = fleet.bus().tail(&[&topics::IDENTITIES], From::End).unwrap();
    let (detector, ingest) = (fleet.start("detector", "detector"), fleet.start("ingest", "ingest"));
    let until = Instant::now() + LIMIT;
    let known = loop {
        assert!(Instant::now() < until, "nobody is known");
        let records = identities.next(Take { count: 16, wait: LIMIT }).unwrap();
        let identities = records.iter().map(|record| record.message::<v1::Identity>().unwrap());
        if let Some(known) = identities.into_iter().find(|identity| !identity.person.is_empty()) {
            break known;
        }
    };
    assert_eq!((known.person.as_str(), known.camera.as_str()), (person.as_str(), "hall"));
    assert!([ingest, detector].into_iter().chain(front).all(Cortex::terminate));
}
