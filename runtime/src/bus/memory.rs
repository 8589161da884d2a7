//! What waits in memory for one reader: the newest picture of every slot, and volatile facts in order.

use std::collections::{BTreeMap, HashMap};

use cortex_proto::topics::Class;

use super::Record;

/// Volatile facts that wait for one reader at most. A fact is a few kilobytes; 4,096 of them are minutes of one
/// camera, so a reader that is this far behind is stuck.
pub(super) const FACTS: usize = 4096;

/// Messages waiting for one reader, in order of arrival (volatile offsets are one counter over all topics). A message
/// that displaces an older one takes its place in the order, so that a fast camera does not wait behind slow ones.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: BTreeMap<u64, Record>,
    slots: HashMap<(&'static str, String), u64>,
    facts: usize,
}

impl Inbox {
    /// Whether this message would have to displace one that waits.
    pub(super) fn is_full_for(&self, topic: &'static cortex_proto::Topic, slot: &str) -> bool {
        match topic.class {
            Class::Picture | Class::Latest => self.slots.contains_key(&(topic.noun, slot.to_owned())),
            Class::Fact | Class::Table => self.facts >= FACTS,
        }
    }

    /// Takes a message in. Answers what it displaced: the older message of its slot, or the oldest fact.
    pub(super) fn put(&mut self, record: Record) -> Option<Record> {
        match record.topic.class {
            Class::Picture | Class::Latest => {
                let slot = (record.topic.noun, record.slot.to_string());
                let place = *self.slots.entry(slot).or_insert(record.offset);
                self.waiting.insert(place, record)
            }
            Class::Fact | Class::Table => {
                self.facts += 1;
                let displaced = (self.facts > FACTS).then(|| self.oldest_fact()).flatten();
                self.waiting.insert(record.offset, record);
                displaced
            }
        }
    }

    /// Takes the oldest messages of these partitions out.
    pub(super) fn take(&mut self, mine: impl Fn(u32) -> bool, count: usize) -> Vec<Record> {
        let mine = self.waiting.iter().filter(|(_, record)| mine(record.partition));
        let places: Vec<u64> = mine.take(count).map(|(place, _)| *place).collect();
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn remove(&mut self, place: u64) -> Option<Record> {
        let record = self.waiting.remove(&place)?;
        match record.topic.class {
            Class::Picture | Class::Latest => {
                self.slots.remove(&(record.topic.noun, record.slot.to_string()));
            }
            Class::Fact | Class::Table => self.facts -= 1,
        }
        Some(record)
    }

    fn oldest_fact(&mut self) -> Option<Record> {
        let fact = |record: &Record| matches!(record.topic.class, Class::Fact | Class::Table);
        let place = *self.waiting.iter().find(|(_, record)| fact(record))?.0;
        self.remove(place)
    }
}
