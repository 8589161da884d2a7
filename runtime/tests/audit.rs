//! What is audited can be verified, and what cannot be audited is not done.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{sync::Arc, time::Duration};

use cortex_proto::{Message, topics, v1};
use cortex_runtime::{
    audit::{self, Auditor},
    bus::{Bus, Embedded, From, Full, Take},
    runner::WallClock,
    store::{Retention, Row, Scan, Sqlite, Store, StoredRow, table},
};

struct Room {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

impl Room {
    fn new() -> Self {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        Self {
            store: Arc::new(Sqlite::open(None, retention).unwrap()),
            bus: Arc::new(Embedded::open(None, Full::Shed).unwrap()),
        }
    }

    fn auditor(&self) -> Auditor {
        let clock: WallClock = Arc::new(|| 7_000_000);
        Auditor::open(Arc::clone(&self.store), Arc::clone(&self.bus), "front-0", clock).unwrap()
    }

    /// Three starts of a writer: two links, none, one link.
    fn three_terms(&self) {
        let first = self.auditor();
        first.write("ann", "login", "", "").unwrap();
        first.write("ann", "enrol", "p1", "2 pictures").unwrap();
        drop(self.auditor());
        self.auditor().write("bob", "reveal", "still", "").unwrap();
    }

    fn links(&self) -> Vec<v1::Audit> {
        let rows = self.store.scan(&Scan::table(&table::AUDIT)).unwrap();
        rows.iter().map(|row| v1::Audit::decode(&row.body).unwrap()).collect()
    }

    fn overwrite(&self, link: &v1::Audit) {
        self.store.delete(&table::AUDIT, &link.partition(), &link.sort()).unwrap();
        assert!(self.store.insert(&StoredRow::of(link)).unwrap());
    }

    fn broken(&self) -> String {
        audit::verify(&*self.store, "front-0").unwrap_err().to_string()
    }
}

#[test]
fn a_chain_goes_on_over_restarts_and_is_published() {
    let room = Room::new();
    room.three_terms();
    let verified = audit::verify(&*room.store, "front-0").unwrap();
    let last = room.links().pop().unwrap();
    assert_eq!((verified.links, verified.head), (3, hex::encode(&last.hash)));
    assert_eq!((last.term, last.sequence, last.subject.as_str()), (3, 1, "bob"));

    let mut tail = room.bus.tail(&[&topics::AUDIT], From::Start).unwrap();
    let records = tail.next(Take { count: 10, wait: Duration::ZERO }).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(audit::verify(&*room.store, "nobody").unwrap().links, 0);
}

#[test]
fn a_link_that_was_changed_is_named() {
    let room = Room::new();
    room.three_terms();
    let mut link = room.links().remove(1);
    link.subject = "eve".to_owned();
    room.overwrite(&link);
    assert!(room.broken().contains("term 1, link 2: its content was changed"), "{}", room.broken());
}

#[test]
fn a_link_that_was_removed_is_named() {
    let room = Room::new();
    room.three_terms();
    let links = room.links();
    room.store.delete(&table::AUDIT, &links[0].partition(), &links[0].sort()).unwrap();
    assert!(room.broken().contains("term 1, link 1: it is missing"), "{}", room.broken());

    let room = Room::new();
    room.three_terms();
    let links = room.links();
    room.store.delete(&table::AUDIT, &links[1].partition(), &links[1].sort()).unwrap();
    assert!(
        room.broken().contains("term 3, link 1: it does not follow"),
        "the end of a term: {}",
        room.broken()
    );
}

#[test]
fn a_writer_that_was_replaced_writes_nothing() {
    let room = Room::new();
    let old = room.auditor();
    old.write("ann", "login", "", "").unwrap();
    let mut foreign = room.links().remove(0);
    foreign.sequence = 2;
    assert!(room.store.insert(&StoredRow::of(&foreign)).unwrap());
    let error = old.write("ann", "enrol", "p1", "").unwrap_err();
    assert!(error.to_string().contains("taken over"), "{error}");
}
