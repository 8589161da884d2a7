//! The embedded engines keep the contract.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

use std::{path::Path, sync::Arc, time::Duration};

use cortex_proto::{topics, v1};
use cortex_runtime::{
    bus::{Bus, Embedded, Event, Full, Outgoing, Take, Writer},
    contract,
    runner::wall_clock,
    store::{Retention, Sqlite, Store},
};

#[test]
fn embedded_bus() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    contract::bus(&|| Arc::new(Embedded::open(Some(&path), Full::Shed).unwrap()) as Arc<dyn Bus>);
}

fn store(path: &Path, budget: u64) -> Arc<dyn Store> {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget };
    Arc::new(Sqlite::open(Some(path), retention).unwrap())
}

#[test]
fn sqlite_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    contract::store(&|| store(&path, u64::MAX));
}

#[test]
fn sqlite_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    contract::budget(&|budget| store(&path, budget));
    let size: u64 =
        folder.path().read_dir().unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 2 << 20, "the disk has it back: {size} bytes are left of six million");
}

#[test]
fn the_log_keeps_to_its_budget_but_what_a_stage_still_has_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    let bus = Embedded::open(Some(&path), Full::Shed).unwrap();
    let mut behind = bus.subscribe("behind", "0", &[&topics::ACTS]).unwrap();
    while !matches!(behind.poll(Take { count: 1, wait: Duration::ZERO }).unwrap(), Some(Event::Assigned(_))) {
    }
    let comment = "x".repeat(4096);
    for _ in 0..100 {
        let act = v1::Act { site: "s".into(), comment: comment.clone(), ..Default::default() };
        let alert = v1::Alert { site: "s".into(), comment: comment.clone(), ..Default::default() };
        let messages = [Outgoing::new(act, 1), Outgoing::new(alert, 1)];
        bus.publish(&messages, &Writer::ANYBODY).unwrap();
    }
    let hour_us = 3_600_000_000;
    assert_eq!(
        bus.sweep(wall_clock() + hour_us, 600_000).unwrap(),
        100,
        "the alerts gave way, the acts stay"
    );
    let Some(Event::Records(records)) = behind.poll(Take { count: 200, wait: Duration::ZERO }).unwrap()
    else {
        panic!("the acts are gone")
    };
    assert_eq!(records.len(), 100);
    behind.commit(&topics::ACTS, 1, records[99].offset.unwrap() + 1).unwrap();
    assert_eq!(bus.sweep(wall_clock() + hour_us, 100_000).unwrap(), 100, "read and committed, they may go");
    assert!(path.metadata().unwrap().len() < 200_000, "the file shrank");
}

#[test]
fn a_killed_process_loses_no_fact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    contract::a_killed_process_loses_no_fact(
        "a_killed_process_loses_no_fact",
        path.to_str().unwrap(),
        &|path| Arc::new(Embedded::open(Some(Path::new(path)), Full::Shed).unwrap()),
    );
}
