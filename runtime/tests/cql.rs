//! The CQL engine keeps the contract, on a real server.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use cortex_runtime::{
    config, contract,
    runner::wall_clock,
    store::{Cql, Store, StoredRow, Table, table},
    testkit::keyspace::Keyspace,
};
use scylla::value::{CqlValue, Row};

const SECOND_US: i64 = 1_000_000;

#[test]
fn cql_store() {
    let keyspace = Keyspace::new("contract");
    contract::store(&|| keyspace.open());
}

#[test]
fn any_number_may_migrate_at_once_and_again() {
    let keyspace = Keyspace::new("migrate");
    let mut made = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..3).map(|_| scope.spawn(|| Cql::migrate(&keyspace.config).unwrap())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    made.sort_unstable();
    assert_eq!(made, [1, 2], "each version was made once");
    assert_eq!(Cql::migrate(&keyspace.config).unwrap(), [0; 0]);
    assert!(Cql::open(&keyspace.config).is_ok());
}

#[test]
fn a_keyspace_of_another_version_is_told_with_what_to_do() {
    let keyspace = Keyspace::new("versions");
    let refused = || failure(Cql::open(&keyspace.config));
    assert!(refused().ends_with("is not there: run `cortex store migrate`"), "{}", refused());
    keyspace.query(
        "CREATE KEYSPACE @ WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': '1'}",
    );
    assert!(
        refused().ends_with("is of version 0, this cortex needs 2: run `cortex store migrate`"),
        "{}",
        refused()
    );
    Cql::migrate(&keyspace.config).unwrap();
    keyspace.query("INSERT INTO @.versions (name, version, made) VALUES ('cortex', 99, true)");
    for refused in [refused(), failure(Cql::migrate(&keyspace.config))] {
        assert!(refused.contains("was written by a newer cortex: it is of version 99"), "{refused}");
    }
}

#[test]
fn what_keeps_it_from_connecting_is_one_line_without_a_secret() {
    let keyspace = Keyspace::new("connect");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let with = |change: &dyn Fn(&mut config::Store)| {
        let mut config = keyspace.config.clone();
        change(&mut config);
        failure(Cql::open(&config))
    };
    let hunter = || config::Secret::new("hunter2");
    for (said, expected) in [
        (with(&|config| config.password = hunter()), "the servers refuse the login"),
        (with(&|config| config.url = config.url.replace("cassandra@", "")), "the servers ask for a login"),
        (with(&|config| config.url = format!("scylla://{closed}/x")), "connection refused"),
        (
            with(&|config| config.ca = PathBuf::from("/nowhere/ca.pem")),
            "`store.ca` /nowhere/ca.pem: no such file",
        ),
        (with(&|config| config.url = "scylla://nobody.invalid/x".to_owned()), "nobody.invalid:9042"),
        (with(&|config| config.url = "scylla://a:hunter2@b/x".to_owned()), "must not have a password"),
    ] {
        assert!(said.contains(expected), "{said}");
        assert!(said.lines().count() == 1 && !said.contains("hunter2") && said.len() < 200, "{said}");
    }
}

#[test]
fn the_servers_certificate_is_verified() {
    let keyspace = Keyspace::new("tls");
    let mut config = keyspace.config.clone();
    config.ca = env::var_os("CORTEX_TEST_CQL_CA").expect("`scripts/servers.sh run` says where it is").into();
    Cql::migrate(&config).unwrap();
    assert!(Cql::open(&config).is_ok());
    let folder = tempfile::tempdir().unwrap();
    config.ca = folder.path().join("stranger.pem");
    std::fs::write(&config.ca, include_str!("stranger.pem")).unwrap();
    let refused = failure(Cql::open(&config));
    assert!(refused.contains("certificate verify failed"), "{refused}");
    std::fs::write(&config.ca, "nothing").unwrap();
    let refused = failure(Cql::open(&config));
    assert!(refused.ends_with("stranger.pem: holds no PEM certificate"), "{refused}");
}

#[test]
fn rows_live_as_long_as_their_table_keeps_them() {
    let keyspace = Keyspace::new("life");
    let store = keyspace.open();
    let now_us = wall_clock();
    let day = Duration::from_secs(86_400);
    let before = |age: Duration| now_us - age.as_micros() as i64;
    let keeps = keyspace.config.retention();
    store
        .write(&[
            row(&table::DETECTIONS, 1, before(keeps.detections - Duration::from_secs(100))),
            row(&table::DETECTIONS, 2, before(keeps.detections)),
            row(&table::DETECTIONS, 3, before(Duration::ZERO) + 10 * day.as_micros() as i64),
            row(&table::STILLS, 1, before(day)),
            row(&table::VERDICTS, 1, before(day)),
            row(&table::PEOPLE, 1, before(100 * day)),
        ])
        .unwrap();
    let life = |table: &Table| -> Vec<Option<CqlValue>> {
        let text = format!("SELECT TTL(body) FROM @.{} WHERE partition = 'p'", table.name);
        keyspace.query(&text).into_iter().map(|mut row| row.columns.remove(0)).collect()
    };
    let within = |life: &Option<CqlValue>, most: Duration| {
        let seconds = life.as_ref().and_then(CqlValue::as_int).unwrap();
        (0..60).contains(&(most.as_secs() as i32 - seconds))
    };
    let lives = life(&table::DETECTIONS);
    assert_eq!(lives.len(), 2, "what is too old already is not written");
    assert!(within(&lives[0], Duration::from_secs(100)), "{lives:?}");
    assert!(within(&lives[1], keeps.detections), "a clock that is ahead keeps nothing longer: {lives:?}");
    assert!(within(&life(&table::STILLS)[0], keeps.stills - day));
    assert!(within(&life(&table::VERDICTS)[0], keeps.events - day), "a verdict goes with its alert");
    assert_eq!(life(&table::PEOPLE), [None], "state stays");
    let old = row(&table::ALERTS, 1, before(keeps.events * 2));
    assert!(store.insert(&old).unwrap());
    assert!(store.insert(&StoredRow { sort: vec![2], ..old }).unwrap(), "its place was free");
    let options = keyspace.query(
        "SELECT compaction FROM system_schema.tables WHERE keyspace_name = '@' AND table_name = 'detections'",
    );
    assert!(format!("{options:?}").contains("TimeWindowCompactionStrategy"), "{options:?}");
}

/// Event time orders facts, so a late writer of an early fact changes nothing; a clock that is ahead must not win for long.
#[test]
fn facts_are_ordered_by_their_own_time_and_everything_else_by_the_servers() {
    let keyspace = Keyspace::new("order");
    let store = keyspace.open();
    let (now_us, hour_us) = (wall_clock(), 3_600 * SECOND_US);
    store
        .write(&[
            row(&table::ANOMALIES, 1, now_us - hour_us),
            row(&table::ANOMALIES, 2, now_us + hour_us),
            row(&table::SNAPSHOTS, 1, now_us - hour_us),
        ])
        .unwrap();
    let written = |table: &Table| -> Vec<i64> {
        let text = format!("SELECT WRITETIME(body) FROM @.{} WHERE partition = 'p'", table.name);
        let time = |row: Row| row.columns[0].as_ref().and_then(CqlValue::as_bigint).unwrap();
        keyspace.query(&text).into_iter().map(time).collect()
    };
    let facts = written(&table::ANOMALIES);
    assert_eq!(facts[0], now_us - hour_us);
    assert!((now_us..=wall_clock() + 2 * SECOND_US).contains(&facts[1]), "{facts:?} at {now_us}");
    assert!((written(&table::SNAPSHOTS)[0] - now_us).abs() < 60 * SECOND_US);
}

#[test]
fn a_sequence_is_divided_into_blocks_that_have_a_bound() {
    let keyspace = Keyspace::new("blocks");
    let store = keyspace.open();
    for place in [1_u64, 1023, 1024, 5000] {
        let link = row(&table::AUDIT, 0, wall_clock());
        assert!(store.insert(&StoredRow { sort: place.to_be_bytes().to_vec(), ..link }).unwrap());
    }
    assert_eq!(keyspace.query("SELECT DISTINCT partition, block FROM @.audit").len(), 3);
}

/// The front calls it from tasks, stages from threads.
#[test]
fn it_may_be_called_and_dropped_within_another_runtime() {
    let keyspace = Keyspace::new("within");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store: Arc<dyn Store> = keyspace.open();
    runtime.block_on(async move {
        let one = row(&table::PEOPLE, 1, 0);
        store.write(std::slice::from_ref(&one)).unwrap();
        assert_eq!(store.get(&table::PEOPLE, "p", &[1]).unwrap(), Some(one.body));
        drop(store);
    });
}

fn row(table: &Table, place: u8, time_us: i64) -> StoredRow {
    StoredRow {
        table: table.name.to_owned(),
        partition: "p".to_owned(),
        sort: vec![place],
        time_us,
        body: vec![7],
    }
}

fn failure<T>(result: Result<T, cortex_runtime::store::Error>) -> String {
    result.err().expect("it must be refused").to_string()
}
