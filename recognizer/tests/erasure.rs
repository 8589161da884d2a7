//! Whoever is erased is gone everywhere: from the store, from a snapshot, and from a backup that was made before.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::sync::Arc;

use cortex_recognizer::{Embedding, Error, Person, Search, Template};
use cortex_runtime::store::{Scan, Store, StoredRow, table};
use support::SPACE;

const ADA: [f32; 2] = [1.0, 0.0];

fn probe(vector: [f32; 2]) -> Embedding {
    Embedding { space: SPACE.into(), vector: vector.to_vec(), plain: Vec::new() }
}

/// Everything that a backup of the store would hold of people.
fn backup(store: &Arc<dyn Store>) -> Vec<StoredRow> {
    let tables = [&table::PEOPLE, &table::PORTRAITS, &table::WATCHLISTS];
    tables.iter().flat_map(|table| store.scan(&Scan::table(table)).unwrap()).collect()
}

#[test]
fn an_erased_person_is_gone_from_a_backup_made_before() {
    let room = support::room();
    room.gallery.put_list(support::list("wanted"), "officer").unwrap();
    let template =
        Template { space: SPACE.into(), model: "m".into(), quality: 1.0, turn: 0.0, vector: ADA.to_vec() };
    let person = Person { name: "Ada Lovelace".into(), templates: vec![template], ..Person::default() };
    let still = b"\xff\xd8\xff a face".to_vec();
    let ada = room.gallery.add(person, std::slice::from_ref(&still), &["wanted".into()]).unwrap();
    let grace = support::person(&room.gallery, "Grace", &[&[0.0, 1.0]], &["wanted"]);
    assert_eq!(room.gallery.stills(&ada).unwrap(), [still]);
    assert!(matches!(room.gallery.search(&probe(ADA)), Search::Nearest(found) if found.person == ada));

    // Nothing lies open, neither in the rows nor in the keys' folder.
    let before = backup(&room.store);
    let vector: Vec<u8> = ADA.iter().flat_map(|value| value.to_le_bytes()).collect();
    for row in &before {
        for secret in [b"Ada Lovelace".as_slice(), b"a face", &vector] {
            assert!(!row.body.windows(secret.len()).any(|bytes| bytes == secret), "{} lies open", row.table);
        }
    }

    room.gallery.erase(&ada).unwrap();
    assert!(backup(&room.store).iter().all(|row| row.sort != ada.as_bytes() && row.partition != ada));
    assert!(!room.gallery.lists()[0].members.contains(&ada));

    // The backup comes back, over a store of today and with the keys of today.
    room.store.write(&before).unwrap();
    let restored = support::open(&room.store, room.folder.path(), &room.now_us);
    assert_eq!(restored.people().iter().map(|known| known.id.as_str()).collect::<Vec<_>>(), [grace]);
    assert!(restored.read(&ada).unwrap().is_none() && restored.name(&ada).is_none());
    assert!(restored.stills(&ada).unwrap().is_empty());
    assert!(!matches!(restored.search(&probe(ADA)), Search::Nearest(found) if found.person == ada));
}

#[test]
fn a_row_moved_to_another_person_or_sealed_with_another_key_is_a_clear_error() {
    let room = support::room();
    let ada = support::person(&room.gallery, "Ada", &[&ADA], &[]);
    let grace = support::person(&room.gallery, "Grace", &[&ADA], &[]);
    let rows = room.store.scan(&Scan::table(&table::PEOPLE)).unwrap();
    let of = |id: &str| rows.iter().find(|row| row.partition == id).unwrap().clone();
    room.store.write(&[StoredRow { body: of(&ada).body, ..of(&grace) }]).unwrap();
    assert!(matches!(room.gallery.read(&grace), Err(Error::Sealed(id)) if id == grace));
}

#[test]
fn people_who_turn_out_to_be_one_count_as_one_and_can_be_parted_again() {
    let room = support::room();
    let gallery = &room.gallery;
    gallery.put_list(support::list("wanted"), "officer").unwrap();
    let ada = support::person(gallery, "Ada", &[&ADA], &["wanted"]);
    let alias = support::person(gallery, "A. King", &[&[0.0, 1.0]], &[]);
    let found = |vector| match gallery.search(&probe(vector)) {
        Search::Nearest(found) => (found.person, found.similarity > 0.9),
        Search::Off => panic!("somebody is looked for"),
    };
    assert_eq!(found([0.0, 1.0]), (ada.clone(), false), "nobody looks for the alias");
    gallery.merge(&ada, &alias).unwrap();
    assert_eq!(found([0.0, 1.0]), (ada.clone(), true));
    assert!(gallery.merge(&alias, &ada).is_err() && gallery.merge(&ada, &alias).is_err());
    gallery.split(&alias).unwrap();
    assert_eq!(found([0.0, 1.0]), (ada.clone(), false));
    assert!(gallery.split(&alias).is_err(), "they are parted");
    // Erasing somebody erases who they turned out to be.
    gallery.merge(&ada, &alias).unwrap();
    gallery.erase(&ada).unwrap();
    assert!(gallery.people().is_empty());
}
