//! What every store engine must keep.

use std::sync::Arc;

use crate::{
    runner::wall_clock,
    store::{self, Scan, Store, StoredRow, table},
};

/// Runs every promise of a store.
pub fn store(open: &dyn Fn() -> Arc<dyn Store>) {
    rows_are_ordered_and_overwritten(&*open());
    a_fact_may_be_written_again(&*open());
    a_place_is_inserted_once(&*open());
    a_sequence_may_be_long(&*open());
    a_whole_table_is_in_order(&*open());
    compare_and_set_has_one_winner(&open());
    rows_outlive_a_restart(open);
    sweeping_keeps_state(&*open());
}

/// Runs the promise of a budget; `open` opens an empty engine with a budget in bytes.
pub fn budget(open: &dyn Fn(u64) -> Arc<dyn Store>) {
    const BUDGET: u64 = 1 << 20;
    let store = open(BUDGET);
    let body = vec![7; 4096];
    let write = |table, from: u64, to: u64| {
        let rows: Vec<StoredRow> = (from..to)
            .map(|n| StoredRow {
                sort: n.to_be_bytes().to_vec(),
                time_us: n as i64 * 1_000_000,
                ..row(table, "budget", 0, &body)
            })
            .collect();
        store.write(&rows).unwrap();
    };
    let places = |table| -> Vec<u64> {
        let rows = store.scan(&Scan::all(table, "budget")).unwrap();
        rows.iter().map(|row| store::rows::number(&row.sort)).collect()
    };
    write(&table::ANOMALIES, 0, 10);
    for step in 0..10 {
        write(&table::DETECTIONS, step * 100, step * 100 + 100);
        write(&table::STILLS, step * 100, step * 100 + 50);
    }
    // Six times the budget: the oldest of both tables give way, and no more than must.
    let removed: u64 = store.sweep(0).unwrap().iter().map(|(_, removed)| removed).sum();
    let (detections, stills) = (places(&table::DETECTIONS), places(&table::STILLS));
    assert_eq!(removed as usize, 1500 - detections.len() - stills.len());
    assert_eq!((detections.last(), stills.last()), (Some(&999), Some(&949)), "the newest stay");
    let bytes = (detections.len() + stills.len()) * body.len();
    assert!(bytes as u64 <= BUDGET && bytes as u64 >= BUDGET / 8, "{bytes} of {BUDGET} bytes are left");
    assert!(
        detections[0].abs_diff(stills[0]) <= 100,
        "both give way by age: {} {}",
        detections[0],
        stills[0]
    );
    assert_eq!(places(&table::ANOMALIES).len(), 10, "events never give way");
    assert!(
        store.sweep(0).unwrap().iter().all(|(_, removed)| *removed == 0),
        "within its budget nothing goes"
    );
}

fn row(table: &'static table::Table, partition: &str, sort: u8, body: &[u8]) -> StoredRow {
    StoredRow {
        table: table.name.to_owned(),
        partition: partition.to_owned(),
        sort: vec![sort],
        time_us: wall_clock(),
        body: body.to_vec(),
    }
}

fn bodies(store: &dyn Store, scan: &Scan<'_>) -> Vec<Vec<u8>> {
    store.scan(scan).unwrap().into_iter().map(|row| row.body).collect()
}

fn rows_are_ordered_and_overwritten(store: &dyn Store) {
    let rows: Vec<StoredRow> =
        [3, 1, 2].iter().map(|n| row(&table::SNAPSHOTS, "ordered", *n, &[*n])).collect();
    store.write(&rows).unwrap();
    store.write(&rows[..1]).unwrap();
    store
        .write(&[row(&table::SNAPSHOTS, "ordered", 1, b"new"), row(&table::SNAPSHOTS, "elsewhere", 9, b"")])
        .unwrap();
    let all = Scan::all(&table::SNAPSHOTS, "ordered");
    assert_eq!(bodies(store, &all), [b"new".to_vec(), vec![2], vec![3]]);
    assert_eq!(bodies(store, &Scan::latest(&table::SNAPSHOTS, "ordered", 1)), [vec![3]]);
    assert_eq!(bodies(store, &Scan { from: vec![2], to: vec![3], ..all }), [vec![2]]);
    store.delete(&table::SNAPSHOTS, "ordered", &[2]).unwrap();
    store.delete(&table::SNAPSHOTS, "ordered", &[2]).unwrap();
    assert_eq!(store.get(&table::SNAPSHOTS, "ordered", &[2]).unwrap(), None);
    assert_eq!(store.get(&table::SNAPSHOTS, "ordered", &[3]).unwrap(), Some(vec![3]));
    let twice: Vec<StoredRow> = (0..9).map(|n| row(&table::SNAPSHOTS, "ordered", 3, &[n])).collect();
    store.write(&twice).unwrap();
    assert_eq!(store.get(&table::SNAPSHOTS, "ordered", &[3]).unwrap(), Some(vec![8]), "the last one counts");
}

fn a_fact_may_be_written_again(store: &dyn Store) {
    let rows: Vec<StoredRow> = (0..200).map(|n| row(&table::ANOMALIES, "fact", n, &[n])).collect();
    store.write(&rows).unwrap();
    store.write(&rows).unwrap();
    assert_eq!(store.scan(&Scan::all(&table::ANOMALIES, "fact")).unwrap(), rows);
}

fn a_place_is_inserted_once(store: &dyn Store) {
    assert!(store.insert(&row(&table::ALERTS, "once", 1, b"mine")).unwrap());
    assert!(store.insert(&row(&table::ALERTS, "once", 1, b"mine")).unwrap(), "the same again is harmless");
    assert!(!store.insert(&row(&table::ALERTS, "once", 1, b"other")).unwrap());
    assert_eq!(store.get(&table::ALERTS, "once", &[1]).unwrap(), Some(b"mine".to_vec()));
}

fn a_sequence_may_be_long(store: &dyn Store) {
    // As far apart as an engine may divide it.
    let places: [u64; 6] = [1, 1023, 1024, 1025, 10_000, 1_000_000];
    for place in places {
        let alert = StoredRow { sort: place.to_be_bytes().to_vec(), ..row(&table::ALERTS, "long", 0, b"x") };
        assert!(store.insert(&alert).unwrap());
    }
    let read = |scan: &Scan<'_>| -> Vec<u64> {
        store.scan(scan).unwrap().iter().map(|row| store::rows::number(&row.sort)).collect()
    };
    let all = Scan::all(&table::ALERTS, "long");
    assert_eq!(read(&all), places);
    assert_eq!(read(&Scan::latest(&table::ALERTS, "long", 1)), [1_000_000]);
    assert_eq!(read(&Scan::latest(&table::ALERTS, "long", 4)), [1_000_000, 10_000, 1025, 1024]);
    let between = |from: u64, to: u64, limit| Scan {
        from: from.to_be_bytes().to_vec(),
        to: to.to_be_bytes().to_vec(),
        limit,
        ..all.clone()
    };
    assert_eq!(read(&between(2, 10_000, 100)), [1023, 1024, 1025]);
    assert_eq!(read(&between(1024, u64::MAX, 2)), [1024, 1025]);
    assert_eq!(read(&between(10_001, 1_000_000, 100)), [0_u64; 0]);
    assert_eq!(read(&Scan::all(&table::LOG, "long")), [0_u64; 0], "another table is another sequence");
}

fn a_whole_table_is_in_order(store: &dyn Store) {
    let rows: Vec<StoredRow> =
        (0..60).map(|n| row(&table::OUTAGES, &format!("{:02}", n / 2), n, &[n])).collect();
    store.write(&rows.iter().rev().cloned().collect::<Vec<_>>()).unwrap();
    let all = Scan::table(&table::OUTAGES);
    assert_eq!(store.scan(&all).unwrap(), rows);
    assert_eq!(store.scan(&Scan { limit: 7, ..all.clone() }).unwrap(), rows[..7]);
    let last = Scan { limit: 2, descending: true, ..all.clone() };
    assert_eq!(bodies(store, &last), [[59], [58]]);
    assert_eq!(bodies(store, &Scan { from: vec![20], to: vec![22], ..all }), [[20], [21]]);
}

fn compare_and_set_has_one_winner(store: &Arc<dyn Store>) {
    let terms = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..10).map(|_| store::next_term(&**store, "contract").unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut sorted = terms;
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=40).collect::<Vec<_>>(), "no two owners share a term");
}

fn rows_outlive_a_restart(open: &dyn Fn() -> Arc<dyn Store>) {
    let store = open();
    store.write(&[row(&table::SNAPSHOTS, "restart", 1, b"kept")]).unwrap();
    let term = store::next_term(&*store, "restart").unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.get(&table::SNAPSHOTS, "restart", &[1]).unwrap(), Some(b"kept".to_vec()));
    assert_eq!(store::next_term(&*store, "restart").unwrap(), term + 1);
}

/// What is older than any engine under test keeps is gone after a sweep, if it was ever there.
fn sweeping_keeps_state(store: &dyn Store) {
    let old = |table| StoredRow { time_us: 0, ..row(table, "old", 1, b"x") };
    store
        .write(&[old(&table::ANOMALIES), old(&table::SNAPSHOTS), row(&table::ANOMALIES, "new", 1, b"x")])
        .unwrap();
    store.sweep(wall_clock()).unwrap();
    assert_eq!(store.get(&table::ANOMALIES, "old", &[1]).unwrap(), None);
    assert!(store.get(&table::SNAPSHOTS, "old", &[1]).unwrap().is_some());
    assert!(store.get(&table::ANOMALIES, "new", &[1]).unwrap().is_some());
}
