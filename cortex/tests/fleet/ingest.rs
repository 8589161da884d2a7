//! An ingest freezes for longer than its session and another goes on with its camera; then the other dies for good, and the
//! first wakes up. The camera's detections go on both times, and what is seen never goes back to an earlier term.
//!
//!     detections ── the first freezes ── the other goes on ── kill -9 the other, the first wakes up ── the first goes on

use std::time::Instant;

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::{epoch_term, topics, v1};
use cortex_runtime::bus::{Bus as _, From, Tail, Take};

use crate::support::{self, Cortex, LIMIT, dwell::config, fleet::Fleet};

/// The term of the first detections in a later one than this.
fn later(detections: &mut dyn Tail, term: u64) -> u64 {
    let until = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < until, "nobody goes on after term {term}");
        for record in detections.next(Take { count: 64, wait: LIMIT }).unwrap() {
            let detections = record.message::<v1::Detections>().unwrap();
            let heard = epoch_term(detections.frame.as_ref().unwrap().epoch);
            assert!(heard >= term, "term {heard} is heard after {term}");
            if heard > term {
                return heard;
            }
        }
    }
}

#[test]
fn a_camera_goes_on_at_another_ingest() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let fleet = Fleet::new(config(folder.path(), &camera), folder.path());
    let mut detections = fleet.bus().tail(&[&topics::DETECTIONS], From::End).unwrap();
    let others = ["alerter", "detector"].map(|stage| fleet.start(stage, stage));
    // The only camera's partition is the first, and the first members of a group get the first partitions.
    let (first, second) = (fleet.start("ingest", "ingest-1"), fleet.start("ingest", "ingest-2"));

    let begun = later(&mut *detections, 0);
    first.signal("STOP");
    let taken_over = later(&mut *detections, begun);
    second.kill();
    first.signal("CONT");
    later(&mut *detections, taken_over);
    assert!(others.into_iter().chain([first]).all(Cortex::terminate));
}
