//! The gallery says by itself how well it tells people apart, and knows people of the older system.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::Arc;

use cortex_models::Manifest;
use cortex_process::{Recognition, block_on, config};
use cortex_proto::v1;
use cortex_recognizer::{Cards, Embedding, Gallery, Scale, Search, import::FACEAPI_128, recognition};
use cortex_runtime::{
    access::Subject,
    keys::{Keys, PeopleKeys},
};
use support::{SPACE, TODAY_US};
use tonic::{Request, Status};

fn ask<Q, R>(call: &cortex_process::Call<Q, R>, message: Q) -> Result<R, Status> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Subject { name: "inga".to_owned(), roles: Vec::new() });
    let mut answer = None;
    block_on(async {
        answer = Some(call(request).await);
        Ok(())
    })
    .unwrap();
    answer.unwrap()
}

fn hands(gallery: &Gallery) -> Recognition {
    let config = config::load_text("cortex.toml", "profile = \"research\"\n").unwrap();
    recognition(&config, Some(gallery.clone()))
}

fn at(angle: f32) -> [f32; 2] {
    [angle.cos(), angle.sin()]
}

#[test]
fn a_check_names_who_is_too_alike_who_is_missed_and_what_to_do() {
    let room = support::room();
    let hands = hands(&room.gallery);
    let none = ask(&hands.check, v1::CheckRequest::default()).unwrap();
    assert!(none.spaces.is_empty());

    // Ada and her double are 0.02 apart; Grace's two pictures are too far apart; Lise has one.
    let ada = support::person(&room.gallery, "Ada", &[&at(0.0), &at(0.05)], &[]);
    let double = support::person(&room.gallery, "Double", &[&at(0.07), &at(0.1)], &[]);
    let grace = support::person(&room.gallery, "Grace", &[&at(1.5), &at(2.1)], &[]);
    support::person(&room.gallery, "Lise", &[&at(-1.5)], &[]);
    let request = v1::CheckRequest { false_alarms: 0.01 };
    let spaces = ask(&hands.check, request).unwrap().spaces;
    let [space] = spaces.as_slice() else { panic!("{spaces:?}") };
    assert_eq!((space.space.as_str(), space.people, space.templates), (SPACE, 4, 7));
    let closest = space.closest.as_ref().unwrap();
    let mut pair = [closest.person.as_str(), closest.other.as_str()];
    pair.sort_unstable();
    let mut wanted = [ada.as_str(), double.as_str()];
    wanted.sort_unstable();
    assert_eq!(pair, wanted);
    assert!((closest.similarity - 0.02_f32.cos()).abs() < 1e-5);
    // Of Ada at 0.05 and her double at 0.07 each is nearer to the other than to herself.
    assert_eq!((space.missed, space.confused), (2, 2));
    assert_eq!(space.own.as_ref().unwrap().count, 6, "who has one picture has no other");
    let advice = space.advice.join("\n");
    for said in ["merge them if they are one", &grace, "1 people have one picture", "poses missing"] {
        assert!(advice.contains(said), "{said} is not in\n{advice}");
    }
    assert!(!advice.contains("Ada"), "ids, not names");
    let wrong = ask(&hands.check, v1::CheckRequest { false_alarms: 0.9 }).unwrap_err();
    assert!(wrong.message().starts_with("false_alarms"), "{wrong}");
}

#[test]
fn descriptors_of_the_older_system_are_found_by_distance_in_a_space_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let keys = PeopleKeys::open(&Keys::open(&folder.path().join("master.key")).unwrap()).unwrap();
    let ours = Manifest::shipped().card(SPACE).unwrap().unwrap();
    let theirs = cortex_models::Card::parse(include_str!("../../models/cards/faceapi-128.toml")).unwrap();
    let cards = Cards::from([(SPACE.to_owned(), ours), (FACEAPI_128.to_owned(), theirs)]);
    let scale = Scale { space: SPACE.to_owned(), cards };
    let store = support::room().store;
    let gallery = Gallery::open(store, keys, scale, Arc::new(|| TODAY_US)).unwrap();
    let hands = hands(&gallery);
    gallery.put_list(v1::Watchlist { false_alarms: 0.01, ..support::list("old") }, "officer").unwrap();

    // A raw descriptor is about 1.4 long.
    let ada: Vec<f32> = (0..128).map(|n| if n % 2 == 0 { 0.17 } else { 0.07 }).collect();
    let json = format!("[{{\"label\": \"Ada\", \"descriptors\": [{ada:?}]}}]");
    let imported =
        ask(&hands.import, v1::ImportRequest { json: json.clone().into_bytes(), lists: vec!["old".into()] })
            .unwrap();
    let probe = |distance: f32| {
        let mut plain = ada.clone();
        plain[0] += distance;
        Embedding { space: SPACE.into(), vector: vec![1.0; 128], plain }
    };
    for (distance, counts) in [(0.0, true), (0.5, true), (0.7, false)] {
        let Search::Nearest(found) = gallery.search(&probe(distance)) else { panic!("she is looked for") };
        assert_eq!(found.person, imported.people[0]);
        assert!((found.similarity - (1.0 - distance)).abs() < 1e-3, "{distance}: {}", found.similarity);
        assert_eq!(found.similarity >= found.threshold(), counts, "{distance}: {}", found.threshold());
    }
    let again = ask(&hands.import, v1::ImportRequest { json: json.into_bytes(), lists: Vec::new() });
    assert!(again.unwrap_err().message().contains("enrolled already"));
    let broken = ask(&hands.import, v1::ImportRequest { json: b"{}".to_vec(), lists: Vec::new() });
    assert_eq!(broken.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert_eq!(gallery.people().len(), 1);
}
