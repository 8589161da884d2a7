//! What every engine must keep, written against the traits. `open` opens the engine on the same place each time, so
//! dropping what it gave and opening again is a restart.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod rows;

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use cortex_proto::{
    Message, Topic,
    topics::{self, PARTITIONS},
    v1,
};

pub use rows::{budget, store};

use crate::bus::{Bus, Consumer, Event, From, Outgoing, Record, Tail, Take, Writer};

const WAIT: Duration = Duration::from_secs(20);
const NOW: Duration = Duration::from_millis(50);

/// Runs every promise of a bus.
pub fn bus(open: &dyn Fn() -> Arc<dyn Bus>) {
    facts_come_in_order_and_are_committed(&*open());
    what_was_not_committed_comes_again(open);
    members_share_partitions(&*open());
    a_tail_sees_every_partition_from_the_end(&*open());
    the_newest_picture_wins(&*open());
    tables_are_read_from_the_start(open);
    newest_demand_is_read_from_the_start(&*open());
    a_lower_term_reaches_nobody(&*open());
    a_slow_reader_gets_every_fact(&*open());
}

/// Where the program that is killed finds the bus.
const CHILD: &str = "CORTEX_CONTRACT_CHILD";

/// A process that publishes dies by SIGKILL, and every fact that was acknowledged to it is there. `test` is the calling
/// test's own name: the process is its program once more, which finds the bus at `place`.
pub fn a_killed_process_loses_no_fact(test: &str, place: &str, open: &dyn Fn(&str) -> Arc<dyn Bus>) {
    if let Ok(place) = env::var(CHILD) {
        publish_until_killed(&*open(&place));
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--nocapture"])
        .env(CHILD, place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let heard = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = 0;
    for id in heard.filter_map(|line| line.rsplit_once("acknowledged ").and_then(|(_, id)| id.parse().ok())) {
        acknowledged = id;
        if id == 50 {
            // Nothing is flushed or closed. What it still says before it is dead counts as well.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged >= 50);
    nothing_is_lost(&*open(place), acknowledged);
}

/// Publishes facts for ever and says how many are acknowledged.
fn publish_until_killed(bus: &dyn Bus) -> ! {
    let mut out = io::stdout();
    for id in 1.. {
        publish(bus, anomaly("killed", id));
        writeln!(out, "acknowledged {id}").unwrap();
        out.flush().unwrap();
    }
    unreachable!("the numbers do not end before the process does")
}

/// Every acknowledged fact is there, once and in order, and comes again until it is committed.
fn nothing_is_lost(bus: &dyn Bus, acknowledged: u32) {
    let count = acknowledged as usize;
    for _ in 0..2 {
        let mut consumer = bus.subscribe("killed", "0", &[&topics::ANOMALIES]).unwrap();
        let expected: Vec<String> = (1..=acknowledged).map(|id| id.to_string()).collect();
        // One more may be on disk whose acknowledgement was not heard.
        assert_eq!(ids(&take(&mut *consumer, count))[..count], expected);
    }
}

fn anomaly(site: &str, id: u32) -> v1::Anomaly {
    v1::Anomaly { id: id.to_string(), site: site.to_owned(), ..Default::default() }
}

fn publish<M: Message>(bus: &dyn Bus, message: M) {
    let partition = topics::partition_of(message.key());
    bus.publish(&[Outgoing::new(message, partition)], &Writer::ANYBODY).unwrap();
}

/// Joins a group and polls until every partition is this member's.
fn join(bus: &dyn Bus, group: &str, topics: &[&'static Topic]) -> Box<dyn Consumer> {
    let mut consumer = bus.subscribe(group, "0", topics).unwrap();
    let mut owned = 0;
    while owned < PARTITIONS as usize {
        match consumer.poll(Take { count: 1, wait: WAIT }).unwrap() {
            Some(Event::Assigned(partitions)) => owned += partitions.len(),
            other => panic!("{owned} partitions came, then {other:?}"),
        }
    }
    consumer
}

/// Polls until `count` messages came.
fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    while all.len() < count {
        match consumer.poll(Take { count: count - all.len(), wait: WAIT }).unwrap() {
            Some(Event::Records(records)) => all.extend(records),
            Some(Event::Assigned(_) | Event::Moving | Event::Revoked(_)) => {}
            None => panic!("{} of {count} messages came", all.len()),
        }
    }
    all
}

fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.message::<v1::Anomaly>().unwrap().id.clone()).collect()
}

fn commit_all(consumer: &mut dyn Consumer, records: &[Record]) {
    for record in records {
        let offset = record.offset.expect("a durable message has a place");
        consumer.commit(record.topic, record.partition, offset + 1).unwrap();
    }
}

fn facts_come_in_order_and_are_committed(bus: &dyn Bus) {
    (0..50).for_each(|id| publish(bus, anomaly("order", id)));
    let mut consumer = bus.subscribe("order", "0", &[&topics::ANOMALIES]).unwrap();
    let records = take(&mut *consumer, 50);
    assert_eq!(ids(&records), (0..50).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(records.windows(2).all(|pair| pair[0].offset < pair[1].offset));
    commit_all(&mut *consumer, &records);
    drop(consumer);
    let mut again = bus.subscribe("order", "0", &[&topics::ANOMALIES]).unwrap();
    publish(bus, anomaly("order", 50));
    assert_eq!(ids(&take(&mut *again, 1)), ["50"], "what was committed does not come again");
}

fn what_was_not_committed_comes_again(open: &dyn Fn() -> Arc<dyn Bus>) {
    let bus = open();
    (0..10).for_each(|id| publish(&*bus, anomaly("again", id)));
    let mut consumer = bus.subscribe("again", "0", &[&topics::ANOMALIES]).unwrap();
    let mine = |records: Vec<Record>| {
        records.into_iter().filter(|record| &*record.key == "again").collect::<Vec<_>>()
    };
    let mut records = Vec::new();
    while records.len() < 10 {
        records.extend(mine(take(&mut *consumer, 1)));
    }
    commit_all(&mut *consumer, &records[..4]);
    drop((consumer, bus));
    let bus = open();
    let mut consumer = bus.subscribe("again", "0", &[&topics::ANOMALIES]).unwrap();
    let mut rest = Vec::new();
    while rest.len() < 6 {
        rest.extend(mine(take(&mut *consumer, 1)));
    }
    assert_eq!(ids(&rest), ["4", "5", "6", "7", "8", "9"]);
    assert_eq!(rest[0].offset, records[4].offset, "offsets do not change over a restart");
}

fn members_share_partitions(bus: &dyn Bus) {
    let mut owners = BTreeMap::new();
    let mut one = bus.subscribe("share", "0", &[&topics::ACTS]).unwrap();
    let mut two = bus.subscribe("share", "1", &[&topics::ACTS]).unwrap();
    let shared = |owners: &BTreeMap<u32, i32>| {
        owners.len() == PARTITIONS as usize
            && [0, 1].iter().all(|member| owners.values().any(|owner| owner == member))
    };
    let deadline = Instant::now() + WAIT;
    while !shared(&owners) {
        assert!(Instant::now() < deadline, "every partition has an owner, and both have some: {owners:?}");
        for (name, member) in [(0, &mut one), (1, &mut two)] {
            match member.poll(Take { count: 1, wait: NOW }).unwrap() {
                Some(Event::Assigned(gained)) => owners.extend(gained.into_iter().map(|p| (p, name))),
                Some(Event::Revoked(lost)) => owners.retain(|p, owner| *owner != name || !lost.contains(p)),
                _ => {}
            }
        }
    }
    drop(two);
    (0..20).for_each(|site| publish(bus, v1::Act { site: format!("s{site}"), ..Default::default() }));
    take(&mut *one, 20);
}

fn a_tail_sees_every_partition_from_the_end(bus: &dyn Bus) {
    publish(bus, anomaly("before", 1));
    let mut tail = bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
    (0..20).for_each(|id| publish(bus, anomaly(&format!("tail-{id}"), id)));
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let records = tail.next(Take { count: 100, wait: WAIT }).unwrap();
        assert!(!records.is_empty(), "{} of 20 came", seen.len());
        seen.extend(ids(&records));
    }
    seen.sort_unstable_by_key(|id| id.parse::<u32>().unwrap());
    assert_eq!(seen, (0..20).map(|id| id.to_string()).collect::<Vec<_>>());
}

fn frame(camera: &str, n: u64, heartbeat: v1::Heartbeat) -> v1::Frame {
    let id = v1::FrameId { camera: camera.to_owned(), role: v1::Role::Main as i32, epoch: 1, seq: n };
    v1::Frame { id: Some(id), n, heartbeat: heartbeat as i32, ..Default::default() }
}

fn the_newest_picture_wins(bus: &dyn Bus) {
    let mut consumer = join(bus, "newest", &[&topics::FRAMES]);
    publish(bus, frame("other", 7, v1::Heartbeat::None));
    (1..=200).for_each(|n| publish(bus, frame("one", n, v1::Heartbeat::None)));
    publish(bus, frame("one", 201, v1::Heartbeat::Unchanged));
    let (deadline, mut superseded) = (Instant::now() + WAIT, 0);
    while superseded < 199 {
        assert!(Instant::now() < deadline, "{superseded} pictures gave way to newer ones");
        superseded += consumer.superseded();
        std::thread::yield_now();
    }
    let records = take(&mut *consumer, 3);
    let mut got: Vec<(String, u64)> = records
        .iter()
        .map(|record| (record.key.to_string(), record.message::<v1::Frame>().unwrap().n))
        .collect();
    got.sort();
    assert_eq!(got, [("one".to_owned(), 200), ("one".to_owned(), 201), ("other".to_owned(), 7)]);
    assert_eq!((consumer.superseded(), superseded), (0, 199), "every other one is counted");
}

fn read_to_the_end(bus: &dyn Bus, topic: &'static Topic) -> Vec<Record> {
    let mut tail = bus.tail(&[topic], From::Start).unwrap();
    let mut all = Vec::new();
    loop {
        let records = tail.next(Take { count: 100, wait: NOW }).unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

fn tables_are_read_from_the_start(open: &dyn Fn() -> Arc<dyn Bus>) {
    let bus = open();
    for version in 1..=3 {
        for id in ["a", "b"] {
            publish(&*bus, v1::Camera { id: id.to_owned(), version, ..Default::default() });
        }
    }
    drop(bus);
    let cameras = read_to_the_end(&*open(), &topics::CAMERAS);
    // Compaction may lag behind, so older versions may come first; the newest comes last.
    let newest: BTreeMap<String, u64> = cameras
        .iter()
        .map(|record| record.message::<v1::Camera>().unwrap())
        .map(|camera| (camera.id.clone(), camera.version))
        .collect();
    assert_eq!(newest, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]));
}

fn newest_demand_is_read_from_the_start(bus: &dyn Bus) {
    for time_us in 1..=3 {
        let demand = |asker: &str| v1::Demand {
            camera: "c".into(),
            asker: asker.into(),
            time_us,
            ..Default::default()
        };
        publish(bus, demand("x"));
        publish(bus, demand("y"));
    }
    let mut tail = bus.tail(&[&topics::DEMAND], From::Start).unwrap();
    let mut newest = BTreeMap::new();
    while newest != BTreeMap::from([("x".to_owned(), 3), ("y".to_owned(), 3)]) {
        let records = tail.next(Take { count: 100, wait: WAIT }).unwrap();
        assert!(!records.is_empty(), "only {newest:?} came");
        let demands = records.iter().map(|record| record.message::<v1::Demand>().unwrap());
        newest.extend(demands.map(|demand| (demand.asker.clone(), demand.time_us)));
    }
}

fn a_lower_term_reaches_nobody(bus: &dyn Bus) {
    let mut durable = bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
    let mut volatile = bus.tail(&[&topics::DETECTIONS], From::End).unwrap();
    // An engine that cannot know when it publishes drops it where it is read.
    let say = |id: u32, owner: &str, term: u64| {
        let writer = Writer::new(owner, term);
        let message = Outgoing::new(anomaly("terms", id), topics::partition_of("terms"));
        drop(bus.publish(&[message], &writer));
        let detections = v1::Detections {
            frame: frame("terms", u64::from(id), v1::Heartbeat::None).id,
            ..Default::default()
        };
        drop(bus.publish(&[Outgoing::new(detections, 0)], &writer));
    };
    say(1, "a/0", 1);
    say(2, "a/0", 2);
    say(3, "a/0", 1);
    say(4, "b/0", 1);
    say(5, "a/0", 2);
    let read = |tail: &mut dyn Tail| {
        let mut records = Vec::new();
        while records.len() < 4 {
            let more = tail.next(Take { count: 100, wait: WAIT }).unwrap();
            assert!(!more.is_empty(), "{} of 4 came", records.len());
            records.extend(more);
        }
        records
    };
    let records = read(&mut *durable);
    assert_eq!(ids(&records), ["1", "2", "4", "5"]);
    assert_eq!(records[1].writer, Writer::new("a/0", 2), "a message says who wrote it");
    let seqs: Vec<u64> = read(&mut *volatile)
        .iter()
        .map(|record| record.message::<v1::Detections>().unwrap().frame.as_ref().unwrap().seq)
        .collect();
    assert_eq!(seqs, [1, 2, 4, 5]);
}

/// Facts are never dropped: whoever writes them waits for whoever reads them.
fn a_slow_reader_gets_every_fact(bus: &dyn Bus) {
    const FACTS: u64 = 10_000;
    let mut consumer = join(bus, "slow", &[&topics::DETECTIONS]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 0..FACTS {
                let frame = frame("slow", seq, v1::Heartbeat::None).id;
                let detections = v1::Detections { frame, ..Default::default() };
                bus.publish(&[Outgoing::new(detections, 0)], &Writer::ANYBODY).unwrap();
            }
        });
        let mut seqs: Vec<u64> = Vec::new();
        while seqs.len() < FACTS as usize {
            // A group that never read before gets what was there already, too.
            let records = take(&mut *consumer, 1).into_iter().filter(|record| &*record.key == "slow");
            let detections = records.map(|record| record.message::<v1::Detections>().unwrap());
            seqs.extend(detections.map(|detections| detections.frame.as_ref().unwrap().seq));
        }
        assert!(seqs.iter().copied().eq(0..FACTS), "every fact, in order");
    });
}
