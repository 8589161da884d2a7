//! What the runner does while the store is full: volatile messages go on, decisions wait and are told once, readiness
//! says so; and what it does with snapshots that are not its own, not readable or too long.
//!
//!     frames ── watcher ── detections, anomalies
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Collector, Context, Fatal, Key, Lifecycle, Poison, Snapshot, Stage, StreamTime, Tables,
    bus::{Embedded, From, Full, Record, Tail, Take, Writer},
    runner, stage,
    store::{self, Retention, Scan, Sqlite, Store, StoredRow, Table, table},
};

const WAIT: Duration = Duration::from_secs(20);

/// A store whose disk can be full, so that it is read and not written, or slow.
struct Disk {
    store: Sqlite,
    full: AtomicBool,
    refused: AtomicU64,
    /// Writes wait until the models have looked at so many inputs.
    slow: AtomicU64,
    looked: Arc<Looked>,
}

/// Inputs that the models have looked at.
#[derive(Default)]
struct Looked(Mutex<u64>, Condvar);

impl Looked {
    fn add(&self, count: usize) {
        *self.0.lock().unwrap() += count as u64;
        self.1.notify_all();
    }

    fn reaches(&self, count: u64) -> bool {
        let looked = self.0.lock().unwrap();
        !self.1.wait_timeout_while(looked, WAIT, |looked| *looked < count).unwrap().1.timed_out()
    }
}

impl Disk {
    fn room(&self) -> Result<(), store::Error> {
        let slow = self.slow.load(Ordering::SeqCst);
        assert!(self.looked.reaches(slow), "the live view waits for the store");
        if self.full.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(store::Error::Full { attempt: "write rows" });
        }
        Ok(())
    }
}

impl Store for Disk {
    fn write(&self, rows: &[StoredRow]) -> Result<(), store::Error> {
        self.room().and_then(|()| self.store.write(rows))
    }
    fn insert(&self, row: &StoredRow) -> Result<bool, store::Error> {
        self.room().and_then(|()| self.store.insert(row))
    }
    fn compare_and_set(&self, row: &StoredRow, expected: Option<&[u8]>) -> Result<bool, store::Error> {
        self.room().and_then(|()| self.store.compare_and_set(row, expected))
    }
    fn get(
        &self,
        table: &'static Table,
        partition: &str,
        sort: &[u8],
    ) -> Result<Option<Vec<u8>>, store::Error> {
        self.store.get(table, partition, sort)
    }
    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<StoredRow>, store::Error> {
        self.store.scan(scan)
    }
    fn delete(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<(), store::Error> {
        self.room().and_then(|()| self.store.delete(table, partition, sort))
    }
    fn sweep(&self, now_us: i64) -> Result<Vec<(&'static str, u64)>, store::Error> {
        self.store.sweep(now_us)
    }
}

/// Tells each frame at once, and decides on every frame; its state is as long as it is told.
struct Watcher {
    looked: Arc<Looked>,
    applied: Arc<AtomicU64>,
    state: Vec<u8>,
    length: usize,
}

struct Input(Arc<v1::Frame>);

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::FRAMES];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        record.message().map(Self)
    }
}

impl Stage for Watcher {
    const NAME: &'static str = "watcher";
    type In = Input;
    type Seen = ();

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<(), Poison>> {
        self.looked.add(batch.len());
        batch.iter().map(|_| Ok(())).collect()
    }

    fn apply(&mut self, _key: &Key, input: &Input, _seen: (), out: &mut Collector) -> Result<(), Fatal> {
        self.applied.fetch_add(1, Ordering::SeqCst);
        self.state.resize(self.length, 1);
        out.publish(v1::Detections { frame: input.0.id.clone(), ..Default::default() });
        let anomaly = v1::Anomaly { id: input.0.n.to_string(), site: "s".into(), ..Default::default() };
        out.store(&anomaly);
        out.publish(anomaly);
        Ok(())
    }

    fn tick(&mut self, _key: &Key, _now: StreamTime, _out: &mut Collector) {}

    fn restore(&mut self, _key: &Key, snapshot: Option<Snapshot>) {
        self.state = snapshot.map(|snapshot| snapshot.0).unwrap_or_default();
    }

    fn snapshot(&self, _key: &Key) -> Snapshot {
        Snapshot(self.state.clone())
    }

    fn release(&mut self, _key: &Key) {}

    fn reload(&mut self, _tables: Arc<Tables>) {}
}

struct Story {
    runtime: tokio::runtime::Runtime,
    context: Context,
    disk: Arc<Disk>,
    applied: Arc<AtomicU64>,
}

impl Story {
    fn new(folder: &Path) -> Self {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let disk = Arc::new(Disk {
            store: Sqlite::open(Some(&folder.join("store")), retention).unwrap(),
            full: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            looked: Arc::default(),
        });
        let context = Context {
            bus: Arc::new(Embedded::open(Some(&folder.join("bus")), Full::Shed).unwrap()),
            store: Arc::clone(&disk) as Arc<dyn Store>,
            tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
            lifecycle: Lifecycle::new(runtime.handle().clone()),
        };
        Self { runtime, context, disk, applied: Arc::default() }
    }

    fn start(&self, workers: usize, length: usize) {
        let config = runner::Config { workers, ..runner::Config::default() };
        let make = || {
            Ok(Watcher {
                looked: Arc::clone(&self.disk.looked),
                applied: Arc::clone(&self.applied),
                state: Vec::new(),
                length,
            })
        };
        runner::spawn(&self.context, &config, make).unwrap();
    }

    fn tail(&self, topic: &'static Topic) -> Box<dyn Tail> {
        self.context.bus.tail(&[topic], From::End).unwrap()
    }

    fn frame(&self, camera: &str, n: u64, partition: u32) {
        self.context.publish(frame(camera, n), partition, &Writer::ANYBODY).unwrap();
    }

    fn end(self) {
        self.context.stop().cancel();
        self.runtime.block_on(self.context.lifecycle.ended(WAIT)).unwrap();
    }
}

fn frame(camera: &str, n: u64) -> v1::Frame {
    let id = v1::FrameId { camera: camera.into(), role: v1::Role::Main as i32, epoch: 1, seq: n };
    v1::Frame { id: Some(id), n, ..Default::default() }
}

fn take(tail: &mut dyn Tail, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    while all.len() < count {
        let records = tail.next(Take { count: 100, wait: WAIT }).unwrap();
        assert!(!records.is_empty(), "{} of {count} came", all.len());
        all.extend(records);
    }
    all
}

fn anomalies(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.message::<v1::Anomaly>().unwrap().id.clone()).collect()
}

#[test]
fn a_full_store_stops_no_live_message_and_loses_no_decision() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new(folder.path());
    let (mut live, mut decided) = (story.tail(&topics::DETECTIONS), story.tail(&topics::ANOMALIES));
    story.disk.full.store(true, Ordering::SeqCst);
    story.start(1, 8);
    for n in 1..=20 {
        // A camera that nobody knew before the disk was full, whose partition has no term yet.
        story.frame("new", n, 3);
        assert_eq!(take(&mut *live, 1).len(), 1, "what is live does not wait for the store");
    }
    let readiness = story.context.lifecycle.health().readiness();
    assert!(readiness.waiting["watcher-0 sinks"].contains("the disk is full"), "{readiness:?}");
    assert!(story.disk.refused.load(Ordering::SeqCst) > 0);
    story.disk.full.store(false, Ordering::SeqCst);
    let told = take(&mut *decided, 20);
    assert_eq!(anomalies(&told), (1..=20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(story.applied.load(Ordering::SeqCst), 20, "nothing is applied twice for a sink");
    assert_eq!(told[0].writer, Writer::new("watcher/3", 1));
    story.end();
}

#[test]
fn the_live_view_goes_on_while_the_store_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new(folder.path());
    let (mut live, mut decided) = (story.tail(&topics::DETECTIONS), story.tail(&topics::ANOMALIES));
    story.start(1, 8);
    story.frame("known", 1, 0);
    take(&mut *decided, 1);
    take(&mut *live, 1);
    story.disk.slow.store(10, Ordering::SeqCst);
    for n in 2..=10 {
        story.frame("known", n, 0);
        assert_eq!(take(&mut *live, 1).len(), 1);
    }
    assert_eq!(anomalies(&take(&mut *decided, 9)), (2..=10).map(|n| n.to_string()).collect::<Vec<_>>());
    story.end();
}

#[test]
fn a_state_above_the_limit_loses_no_decision() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new(folder.path());
    let mut decided = story.tail(&topics::ANOMALIES);
    story.start(1, Snapshot::MAX + 1);
    story.frame("long", 1, 0);
    assert_eq!(anomalies(&take(&mut *decided, 1)), ["1"]);
    let saved = story.context.store.scan(&Scan::all(&table::SNAPSHOTS, "watcher/0")).unwrap();
    assert!(saved.iter().all(|row| row.body.len() < Snapshot::MAX), "the long state is not written");
    story.end();
}

#[test]
fn a_lower_snapshot_is_never_taken_and_an_unreadable_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new(folder.path());
    let row = |key: &str, term: u64, body: &[u8]| StoredRow {
        table: table::SNAPSHOTS.name.to_owned(),
        partition: "watcher/0".to_owned(),
        sort: [key.as_bytes(), &[0], &term.to_be_bytes()].concat(),
        time_us: 0,
        body: body.to_vec(),
    };
    let store = &story.context.store;
    for _ in 0..5 {
        store::next_term(&**store, "watcher/0").unwrap();
    }
    // Field 1 is the state, three bytes long: what the owner in term 5 and a zombie in term 4 saved last.
    let torn = [0xff_u8; 9];
    let rows = [row("c", 5, b"\x0a\x03new"), row("c", 4, b"\x0a\x03old"), row("torn", 5, &torn)];
    store.write(&rows).unwrap();
    let mut decided = story.tail(&topics::ANOMALIES);
    story.start(1, 3);
    story.frame("other", 1, 0);
    take(&mut *decided, 1);
    let saved = store.scan(&Scan::all(&table::SNAPSHOTS, "watcher/0")).unwrap();
    let of = |key: &str| saved.iter().filter(|row| row.sort.starts_with(key.as_bytes())).collect::<Vec<_>>();
    let (kept, torn_rows) = (of("c"), of("torn"));
    assert_eq!(kept.len(), 1, "the rows of earlier terms are replaced");
    assert!(kept[0].sort.ends_with(&6_u64.to_be_bytes()) && kept[0].body.starts_with(b"\x0a\x03new"));
    assert_eq!(torn_rows.len(), 1);
    assert_eq!(torn_rows[0].body, torn, "what cannot be read is left for people");
    story.end();
}

#[test]
fn several_workers_share_cameras_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new(folder.path());
    let mut live = story.tail(&topics::DETECTIONS);
    story.start(3, 8);
    for n in 1..=10 {
        for (camera, partition) in [("a", 1), ("b", 30), ("c", 60)] {
            story.frame(camera, n, partition);
        }
        take(&mut *live, 3);
    }
    assert_eq!(story.applied.load(Ordering::SeqCst), 30);
    story.end();
}
