//! The embedded engines keep the contract.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{sync::Arc, time::Duration};

use cortex_runtime::{
    bus::{Bus, Embedded, Full},
    contract,
    store::{Retention, Sqlite, Store},
};

#[test]
fn embedded_bus() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    contract::bus(&|| Arc::new(Embedded::open(Some(&path), Full::Shed).unwrap()) as Arc<dyn Bus>);
}

#[test]
fn sqlite_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    contract::store(&|| Arc::new(Sqlite::open(Some(&path), retention).unwrap()) as Arc<dyn Store>);
}
