//! The control plane has one writer: what a file lists is the file's, what is wrong changes nothing, and a camera's place
//! is chosen once.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::collections::BTreeSet;

use cortex_alerter::control::Refused;
use cortex_proto::v1;
use cortex_runtime::config::entries::Entries;
use support::{Room, camera};

fn file(cameras: Vec<v1::Camera>) -> Entries {
    let origin = v1::Origin::File as i32;
    Entries {
        cameras: cameras.into_iter().map(|camera| v1::Camera { origin, ..camera }).collect(),
        ..Default::default()
    }
}

fn zone(camera: &str) -> v1::Zone {
    let points = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)].map(|(x, y)| v1::Point { x, y }).to_vec();
    v1::Zone {
        id: "yard".into(),
        camera: camera.into(),
        shape: v1::Shape::Polygon as i32,
        points,
        ..Default::default()
    }
}

fn rule(kind: &str) -> v1::Rule {
    v1::Rule { id: "r".into(), kind: kind.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_lists_is_changed_in_the_file_only() {
    let room = Room::new();
    let origin = v1::Origin::File as i32;
    let entries = Entries {
        zones: vec![v1::Zone { origin, ..zone("a") }],
        rules: vec![v1::Rule { origin, ..rule("entry") }],
        ..file(vec![camera("a", "s")])
    };
    room.control.load(&entries).unwrap();
    let id = v1::ZoneId { camera: "a".into(), id: "yard".into() };
    for refused in [
        room.control.upsert_camera(camera("a", "s")).map(drop),
        room.control.delete_camera("a"),
        room.control.upsert_zone(zone("a")).map(drop),
        room.control.delete_zone(&id),
        room.control.upsert_rule(rule("entry")).map(drop),
        room.control.delete_rule("r"),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Refused::Owned(_)), "{refused}");
        assert!(refused.to_string().contains("comes from the configuration file"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_from_the_file_is_gone_and_what_the_api_added_stays() {
    let room = Room::new();
    room.control.load(&file(vec![camera("a", "s"), camera("b", "s")])).unwrap();
    room.control.upsert_camera(camera("c", "s")).unwrap();
    let before = room.control.tables().cameras["a"].version;
    room.control.load(&file(vec![camera("a", "s")])).unwrap();
    let tables = room.control.tables();
    assert_eq!(tables.cameras.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(tables.cameras["a"].version, before, "what did not change is not written again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_one_mistake_changes_nothing() {
    let room = Room::new();
    room.control.load(&file(vec![camera("a", "s")])).unwrap();
    let two = file(vec![camera("b", "s"), v1::Camera { rate: 1e3, ..camera("c", "s") }]);
    let refused = room.control.load(&two).unwrap_err();
    assert!(refused.to_string().contains("camera c: rate must be 0 to 60"), "{refused}");
    assert_eq!(room.control.tables().cameras.keys().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_names_what_is_wrong_and_cannot_pass_for_a_file() {
    let room = Room::new();
    room.control.upsert_camera(camera("a", "s")).unwrap();
    let two_points = v1::Zone { points: zone("a").points[..2].to_vec(), ..zone("a") };
    let pretended =
        v1::Camera { url: "file:///etc/passwd".into(), origin: v1::Origin::File as i32, ..camera("b", "s") };
    for (refused, said) in [
        (room.control.upsert_camera(camera("a b", "s")).map(drop), "id must be 1 to 64 letters"),
        (room.control.upsert_camera(pretended).map(drop), "no files"),
        (room.control.upsert_zone(two_points).map(drop), "points must be 3 to 64 different points"),
        (room.control.upsert_zone(zone("nowhere")).map(drop), "there is no camera `nowhere`"),
        (room.control.upsert_rule(rule("dance")).map(drop), "kind: unknown"),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, Refused::Invalid(_)) && refused.to_string().contains(said),
            "{refused}: {said}"
        );
    }
    assert!(matches!(room.control.delete_camera("z"), Err(Refused::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_goes_where_there_is_least_and_stays_there() {
    let room = Room::new();
    let places: Vec<u32> = (0..64)
        .map(|n| room.control.upsert_camera(camera(&format!("c{n}"), "s")).unwrap().partition)
        .collect();
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 64, "one each before any has two");
    // A group of four gives each member sixteen partitions that follow each other.
    let members: BTreeSet<u32> = places[..4].iter().map(|partition| partition / 16).collect();
    assert_eq!(members.len(), 4, "a few cameras are shared by all members: {places:?}");
    let before = room.control.tables().cameras["c5"].partition;
    room.control.delete_camera("c5").unwrap();
    // Another one would take the place that is free now.
    let other = room.control.upsert_camera(camera("other", "s")).unwrap().partition;
    let again = room.control.upsert_camera(camera("c5", "s")).unwrap().partition;
    assert_eq!((other, again), (before, before), "the same id comes back to its own place");

    for moved in [
        room.control.upsert_camera(camera("c6", "elsewhere")).map(drop),
        room.control
            .delete_camera("c7")
            .and_then(|()| room.control.upsert_camera(camera("c7", "elsewhere")).map(drop)),
    ] {
        let moved = moved.unwrap_err();
        assert!(moved.to_string().contains("site is `s` and never changes"), "{moved}");
    }
    assert_eq!(
        room.control.upsert_camera(camera("c6", "")).unwrap().site,
        "s",
        "an empty site is the one it has"
    );
}
