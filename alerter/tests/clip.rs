//! The clip of an alert, as the API answers it: its own pictures in order, and a file with each of them.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use cortex_proto::v1::{self, live_service_server::LiveService};
use cortex_runtime::{
    runner::wall_clock,
    store::{Store, StoredRow},
};
use futures::TryStreamExt;
use support::{Room, by_ada};
use tonic::Code;

const SECOND: i64 = 1_000_000;

fn frame(epoch: u64, seq: u64) -> v1::FrameId {
    v1::FrameId { camera: "clip".into(), role: 1, epoch, seq }
}

fn picture(epoch: u64, seq: u64, time_us: i64, received_us: i64) -> StoredRow {
    let jpeg = format!("JPEG {epoch}/{seq}").into_bytes();
    StoredRow::of(&v1::Cloaked {
        frame: Some(frame(epoch, seq)),
        time_us,
        received_us,
        jpeg,
        ..Default::default()
    })
}

/// Puts a clip of ten seconds before and after into the store, with pictures from 15 s before to 15 s after.
fn stored(room: &Room, time_us: i64, received_us: i64) -> v1::FrameId {
    let told = frame(2, 100);
    let clip = v1::Clip {
        frame: Some(told.clone()),
        time_us,
        received_us,
        from_us: time_us - 10 * SECOND,
        until_us: time_us + 10 * SECOND,
        ..Default::default()
    };
    let mut rows = vec![StoredRow::of(&clip)];
    for n in -15..=15 {
        // The camera connected anew five seconds before.
        let epoch = if n < -5 { 1 } else { 2 };
        rows.push(picture(epoch, (100 + n) as u64, time_us + n * SECOND, received_us + n * SECOND));
    }
    // The same recording was played another day.
    rows.push(picture(3, 7, time_us + SECOND / 2, received_us + 86_400 * SECOND));
    room.store.write(&rows).unwrap();
    told
}

async fn asked(room: &Room, frame: &v1::FrameId) -> (v1::Clip, Vec<u64>) {
    let request = by_ada(v1::ClipRequest { frame: Some(frame.clone()) });
    let events: Vec<_> = room.front.clip(request).await.unwrap().into_inner().try_collect().await.unwrap();
    let mut events = events.into_iter().map(|event| event.event.unwrap());
    let Some(v1::clip_response::Event::Clip(clip)) = events.next() else { panic!("what it is comes first") };
    let pictures = events.map(|event| match event {
        v1::clip_response::Event::Picture(picture) => picture.frame.unwrap().seq,
        v1::clip_response::Event::Clip(_) => panic!("what it is comes once"),
    });
    (clip, pictures.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_has_its_own_pictures_in_order() {
    let room = Room::new();
    let now = wall_clock();
    let told = stored(&room, now - 60 * SECOND, now - 60 * SECOND);
    let (clip, pictures) = asked(&room, &told).await;
    assert_eq!(pictures, (90..=110).collect::<Vec<_>>(), "over a new epoch, and of no other day");
    assert!(!clip.recording);

    let other = by_ada(v1::ClipRequest { frame: Some(frame(2, 99)) });
    assert_eq!(room.front.clip(other).await.map(drop).unwrap_err().code(), Code::NotFound);
}

/// Footage that is played as fast as it can be is of the year 2000 by its own time.
#[tokio::test(flavor = "multi_thread")]
async fn a_clip_of_a_moment_ago_is_still_being_recorded() {
    let room = Room::new();
    let told = stored(&room, 946_684_800 * SECOND + 3600 * SECOND, wall_clock() - 5 * SECOND);
    assert!(asked(&room, &told).await.0.recording);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_has_every_picture_and_taking_it_is_audited() {
    let room = Room::new();
    let now = wall_clock();
    let told = stored(&room, now - 60 * SECOND, now - 60 * SECOND);
    let request = by_ada(v1::ClipFileRequest { frame: Some(told) });
    let pieces: Vec<_> =
        room.front.clip_file(request).await.unwrap().into_inner().try_collect().await.unwrap();
    let file: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.piece).collect();
    assert_eq!(&file[4..12], b"ftypisom");
    let text = String::from_utf8_lossy(&file);
    assert_eq!(text.matches("JPEG ").count(), 21);
    assert!(room.audited().contains(&("ada".into(), "clip".into(), "clip/2/100".into())));
}
