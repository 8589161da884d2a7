//! The runner's promises, on a stage that does what it is told: panics stay single, poison goes to the dead letters,
//! and a decision is neither lost nor made twice by a crash.
//!
//!     acts ── parrot ── alerts
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Collector, Context, Fatal, Key, Lifecycle, Poison, Snapshot, Stage, StreamTime, Tables,
    bus::{Body, Embedded, Event, From, Full, Outgoing, Record, Tail, Take, Writer},
    runner, stage,
    store::{Retention, Sqlite},
};

/// Says every act again as an alert, counted; some acts it cannot stand.
#[derive(Default)]
struct Parrot {
    said: u64,
    immortal: bool,
}

struct Input(Arc<v1::Act>);

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::ACTS];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        record.message().map(Self)
    }
}

impl Stage for Parrot {
    const NAME: &'static str = "parrot";
    type In = Input;
    type Seen = ();

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<(), Poison>> {
        let look = |input: &&Input| match input.0.comment.as_str() {
            "panic in infer" => panic!("as the story wants"),
            "poison" => Err(Poison::new("cannot be used")),
            _ => Ok(()),
        };
        batch.iter().map(look).collect()
    }

    fn apply(&mut self, _key: &Key, input: &Input, _seen: (), out: &mut Collector) -> Result<(), Fatal> {
        if input.0.comment == "die" && !self.immortal {
            return Err(Fatal::new("as the story wants"));
        }
        self.said += 1;
        let alert = v1::Alert {
            id: input.0.id.clone(),
            site: input.0.site.clone(),
            sequence: self.said,
            ..Default::default()
        };
        out.store(&alert);
        out.publish(alert);
        assert!(input.0.comment != "panic in apply", "as the story wants");
        Ok(())
    }

    fn tick(&mut self, _key: &Key, _now: StreamTime, _out: &mut Collector) {}

    fn restore(&mut self, _key: &Key, snapshot: Option<Snapshot>) {
        self.said = snapshot.and_then(|snapshot| snapshot.read()).unwrap_or(0);
    }

    fn snapshot(&self, _key: &Key) -> Snapshot {
        Snapshot::of(&self.said)
    }

    fn release(&mut self, _key: &Key) {
        self.said = 0;
    }

    fn reload(&mut self, _tables: Arc<Tables>) {}
}

/// A process on this folder; dropping the lifecycle's thread by cancelling is its end.
fn process(runtime: &tokio::runtime::Runtime, folder: &Path) -> Context {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    Context {
        bus: Arc::new(Embedded::open(Some(&folder.join("bus")), Full::Shed).unwrap()),
        store: Arc::new(Sqlite::open(Some(&folder.join("store")), retention).unwrap()),
        tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
        lifecycle: Lifecycle::new(runtime.handle().clone()),
    }
}

fn start(context: &Context) {
    runner::spawn(context, &runner::Config::default(), || Ok(Parrot::default())).unwrap();
}

fn act(context: &Context, id: &str, comment: &str) {
    let act = v1::Act { id: id.into(), site: "s".into(), comment: comment.into(), ..Default::default() };
    context.publish(act, topics::partition_of("s"), &Writer::ANYBODY).unwrap();
}

/// A message without a body, which nothing of ours writes.
fn nothing(context: &Context) {
    let act = v1::Act { site: "s".into(), ..Default::default() };
    let nothing =
        Outgoing { body: Body::Bytes(Bytes::new()), ..Outgoing::new(act, topics::partition_of("s")) };
    context.bus.publish(&[nothing], &Writer::ANYBODY).unwrap();
}

fn take(tail: &mut dyn Tail, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    while all.len() < count {
        let records = tail.next(Take { count: 100, wait: Duration::from_secs(20) }).unwrap();
        assert!(!records.is_empty(), "{} of {count} came", all.len());
        all.extend(records);
    }
    all
}

fn alerts(records: &[Record]) -> Vec<(String, u64)> {
    records
        .iter()
        .map(|record| record.message::<v1::Alert>().unwrap())
        .map(|alert| (alert.id.clone(), alert.sequence))
        .collect()
}

fn end(runtime: &tokio::runtime::Runtime, context: &Context) {
    context.stop().cancel();
    runtime.block_on(context.lifecycle.ended(Duration::from_secs(20))).unwrap();
}

#[test]
fn the_guilty_input_alone_is_poisoned() {
    let (runtime, folder) = (tokio::runtime::Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let context = process(&runtime, folder.path());
    let mut said = context.bus.tail(&[&topics::ALERTS], From::End).unwrap();
    let mut dead = context.bus.tail(&[&topics::DEAD], From::End).unwrap();
    for (id, comment) in
        [("1", ""), ("2", "panic in infer"), ("3", ""), ("4", "poison"), ("5", "panic in apply"), ("6", "")]
    {
        act(&context, id, comment);
    }
    nothing(&context);
    start(&context);
    let said = alerts(&take(&mut *said, 3));
    // What an apply said before it panicked is not said, and its state is taken back.
    assert_eq!(said, [("1".to_owned(), 1), ("3".to_owned(), 2), ("6".to_owned(), 3)]);
    let mut reasons: Vec<String> = take(&mut *dead, 4)
        .iter()
        .map(|record| record.message::<v1::Dead>().unwrap().reason.clone())
        .collect();
    reasons.sort();
    assert!(
        reasons[0] == "an empty message"
            && reasons[1].contains("apply panicked")
            && reasons[2] == "cannot be used"
            && reasons[3].contains("infer panicked"),
        "{reasons:?}"
    );
    end(&runtime, &context);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let (runtime, folder) = (tokio::runtime::Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let first = process(&runtime, folder.path());
    let mut said = first.bus.tail(&[&topics::ALERTS], From::End).unwrap();
    start(&first);
    act(&first, "1", "");
    act(&first, "2", "");
    assert_eq!(alerts(&take(&mut *said, 2)), [("1".to_owned(), 1), ("2".to_owned(), 2)]);
    end(&runtime, &first);
    drop((said, first));

    let second = process(&runtime, folder.path());
    let mut said = second.bus.tail(&[&topics::ALERTS], From::End).unwrap();
    act(&second, "3", "");
    start(&second);
    // The third goes on counting. What the outbox still held may be said again, as it was.
    let mut heard = Vec::new();
    while heard.last() != Some(&("3".to_owned(), 3)) {
        heard.extend(alerts(&take(&mut *said, 1)));
    }
    assert!(
        heard
            .iter()
            .all(|alert| [("1".to_owned(), 1), ("2".to_owned(), 2), ("3".to_owned(), 3)].contains(alert)),
        "{heard:?}"
    );
    end(&runtime, &second);
}

#[test]
fn a_death_before_an_input_is_applied_loses_it_not() {
    let (runtime, folder) = (tokio::runtime::Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let first = process(&runtime, folder.path());
    // What cannot be read comes after one that is good, and is in a snapshot no sooner.
    act(&first, "1", "die");
    nothing(&first);
    start(&first);
    runtime.block_on(first.stop().cancelled());
    runtime.block_on(first.lifecycle.ended(Duration::from_secs(20))).unwrap_err();
    drop(first);

    let second = process(&runtime, folder.path());
    let mut said = second.bus.tail(&[&topics::ALERTS], From::End).unwrap();
    runner::spawn(&second, &runner::Config::default(), || {
        Ok(Parrot { immortal: true, ..Default::default() })
    })
    .unwrap();
    assert_eq!(alerts(&take(&mut *said, 1)), [("1".to_owned(), 1)]);
    end(&runtime, &second);
}

#[test]
fn a_worker_that_has_lost_everything_is_not_ready() {
    let (runtime, folder) = (tokio::runtime::Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let context = process(&runtime, folder.path());
    let mut said = context.bus.tail(&[&topics::ALERTS], From::End).unwrap();
    let health = context.lifecycle.health();
    start(&context);
    act(&context, "1", "");
    assert_eq!(alerts(&take(&mut *said, 1)), [("1".to_owned(), 1)]);
    assert!(health.readiness().ready, "{:?}", health.readiness());

    // Before the worker's own name, so that it is left with none; the last of them gets what it lets go of last.
    let join = |name: String| context.bus.subscribe("parrot", &name, &[&topics::ACTS]).unwrap();
    let mut others: Vec<_> = (0..topics::PARTITIONS).map(|n| join(format!("-{n:02}"))).collect();
    let last = others.last_mut().unwrap();
    let look = Take { count: 1, wait: Duration::from_millis(1) };
    let given = |_| matches!(last.poll(look).unwrap(), Some(Event::Assigned(_)));
    assert!((0..20_000).any(given), "the worker lets go of what is another's");
    assert_eq!(health.readiness().waiting["parrot-0 partitions"], "none");

    drop(others);
    act(&context, "2", "");
    // What the outbox still held may be said again, as it was.
    let mut heard = Vec::new();
    while heard.last() != Some(&("2".to_owned(), 2)) {
        heard.extend(alerts(&take(&mut *said, 1)));
    }
    assert!(health.readiness().ready, "{:?}", health.readiness());
    end(&runtime, &context);
}
