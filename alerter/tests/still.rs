//! The picture of an alert is found by the name of its frame, whatever time its footage tells.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use cortex_proto::v1::{self, live_service_server::LiveService};
use cortex_runtime::{
    runner::wall_clock,
    store::{Store, StoredRow},
};
use support::{Room, by_ada};

#[tokio::test(flavor = "multi_thread")]
async fn a_still_of_footage_from_long_ago_is_found_and_kept() {
    let room = Room::new();
    let now = wall_clock();
    // Five hours into footage that is played fast and so begins at 2000-01-01.
    let frame = v1::FrameId { camera: "clip".into(), role: 1, epoch: 7 << 24, seq: 450_000 };
    let still = v1::Still {
        frame: Some(frame.clone()),
        time_us: 946_684_800_000_000 + 5 * 3_600_000_000,
        jpeg: vec![0xff, 0xd8],
        received_us: now,
    };
    room.store.write(&[StoredRow::of(&still)]).unwrap();
    room.store.sweep(now + 3_600_000_000).unwrap();
    let found = room.front.still(by_ada(v1::StillRequest { frame: Some(frame.clone()) })).await.unwrap();
    assert_eq!(found.into_inner().jpeg, still.jpeg);
    let other = v1::FrameId { seq: frame.seq + 1, ..frame };
    let missing = room.front.still(by_ada(v1::StillRequest { frame: Some(other) })).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
    room.store.sweep(now + 25 * 3_600_000_000).unwrap();
    let gone = by_ada(v1::StillRequest { frame: still.frame });
    assert!(room.front.still(gone).await.is_err(), "and it goes when its time is over");
}
