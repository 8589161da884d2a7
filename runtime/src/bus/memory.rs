//! What waits in memory: for one reader the newest picture of every slot and volatile facts in order, and for whoever
//! comes the newest message of every slot that is not void.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use cortex_proto::{Topic, topics::Class};

use super::Record;

/// Volatile facts that wait for one reader at most. A fact is a few kilobytes; 4,096 of them are minutes of one
/// camera, so a reader that is this far behind is stuck.
pub(super) const FACTS: usize = 4096;
/// How often void messages are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Messages waiting for one reader, in order of arrival. A message that displaces an older one takes its place in the
/// order, so that a fast camera does not wait behind slow ones.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: BTreeMap<u64, (Instant, Record)>,
    slots: HashMap<(&'static str, Arc<str>), u64>,
    facts: usize,
    next: u64,
}

/// The newest message of every slot of the topics whose newest wins, until it is void.
#[derive(Default)]
pub(super) struct Latest {
    slots: HashMap<(&'static str, Arc<str>), (Instant, Record)>,
    looked: Option<Instant>,
}

/// Whether a message that came this long ago counts no more.
fn is_void(topic: &Topic, age: Duration) -> bool {
    topic.class == Class::Latest && age >= topic.retention
}

impl Inbox {
    /// Whether this message would have to displace one that waits.
    pub(super) fn is_full_for(&self, topic: &'static Topic, slot: &str) -> bool {
        match topic.class {
            Class::Picture | Class::Batch | Class::Latest => {
                self.slots.contains_key(&(topic.noun, Arc::from(slot)))
            }
            Class::Fact | Class::Table => self.facts >= FACTS,
        }
    }

    /// Takes a message in. Answers what it displaced: the older message of its slot, or the oldest fact.
    pub(super) fn put(&mut self, record: Record, now: Instant) -> Option<Record> {
        let arrival = self.next;
        self.next += 1;
        match record.topic.class {
            Class::Picture | Class::Batch | Class::Latest => {
                let slot = (record.topic.noun, Arc::clone(&record.slot));
                let place = *self.slots.entry(slot).or_insert(arrival);
                self.waiting.insert(place, (now, record)).map(|(_, displaced)| displaced)
            }
            Class::Fact | Class::Table => {
                self.facts += 1;
                let displaced = (self.facts > FACTS).then(|| self.oldest_fact()).flatten();
                self.waiting.insert(arrival, (now, record));
                displaced
            }
        }
    }

    /// Takes the oldest messages of these partitions out, void ones left out.
    pub(super) fn take(&mut self, mine: impl Fn(u32) -> bool, count: usize, now: Instant) -> Vec<Record> {
        let void = |(came, record): &(Instant, Record)| is_void(record.topic, now.duration_since(*came));
        let gone: Vec<u64> =
            self.waiting.iter().filter(|(_, waits)| void(waits)).map(|(place, _)| *place).collect();
        gone.into_iter().for_each(|place| drop(self.remove(place)));
        let mine = self.waiting.iter().filter(|(_, (_, record))| mine(record.partition));
        let places: Vec<u64> = mine.take(count).map(|(place, _)| *place).collect();
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many facts wait.
    #[cfg(feature = "kafka")]
    pub(super) fn facts(&self) -> usize {
        self.facts
    }

    fn remove(&mut self, place: u64) -> Option<Record> {
        let (_, record) = self.waiting.remove(&place)?;
        match record.topic.class {
            Class::Picture | Class::Batch | Class::Latest => {
                self.slots.remove(&(record.topic.noun, Arc::clone(&record.slot)));
            }
            Class::Fact | Class::Table => self.facts -= 1,
        }
        Some(record)
    }

    fn oldest_fact(&mut self) -> Option<Record> {
        let fact = |record: &Record| matches!(record.topic.class, Class::Fact | Class::Table);
        let place = *self.waiting.iter().find(|(_, (_, record))| fact(record))?.0;
        self.remove(place)
    }
}

impl Latest {
    pub(super) fn put(&mut self, record: Record, now: Instant) {
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
            self.looked = Some(now);
            self.slots.retain(|_, (came, record)| !is_void(record.topic, now.duration_since(*came)));
        }
        self.slots.insert((record.topic.noun, Arc::clone(&record.slot)), (now, record));
    }

    pub(super) fn living(&self, now: Instant) -> impl Iterator<Item = &Record> {
        self.slots
            .values()
            .filter(move |(came, record)| !is_void(record.topic, now.duration_since(*came)))
            .map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use cortex_proto::topics;

    use super::*;
    use crate::bus::{Body, Writer};

    fn demand(slot: &str) -> Record {
        Record {
            topic: &topics::DEMAND,
            partition: 0,
            offset: None,
            reference: None,
            key: "camera".into(),
            slot: slot.into(),
            writer: Writer::ANYBODY,
            trace: None,
            body: Body::Bytes(Bytes::new()),
        }
    }

    #[test]
    fn a_demand_is_void_after_its_retention() {
        let (mut latest, mut inbox, start) = (Latest::default(), Inbox::default(), Instant::now());
        for viewer in 0..100 {
            latest.put(demand(&format!("viewer/{viewer}")), start);
        }
        inbox.put(demand("viewer/0"), start);
        assert_eq!(latest.living(start + Duration::from_secs(9)).count(), 100);
        let later = start + topics::DEMAND.retention;
        assert_eq!(latest.living(later).count(), 0);
        assert!(inbox.take(|_| true, 10, later).is_empty(), "a slow reader does not get it either");
        latest.put(demand("viewer/new"), later);
        assert_eq!(latest.slots.len(), 1, "viewers that went take no memory");
    }

    #[test]
    fn the_newest_takes_the_place_of_the_older() {
        let (mut inbox, now) = (Inbox::default(), Instant::now());
        let slots = |records: Vec<Record>| records.iter().map(|r| r.slot.to_string()).collect::<Vec<_>>();
        assert!(inbox.put(demand("fast"), now).is_none());
        assert!(inbox.put(demand("slow"), now).is_none());
        assert!(inbox.put(demand("fast"), now).is_some());
        assert_eq!(slots(inbox.take(|_| true, 10, now)), ["fast", "slow"]);
    }
}
