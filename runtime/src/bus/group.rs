//! A consumer group of the embedded bus: who has which partitions, by range.

use std::collections::{BTreeMap, HashMap};

use cortex_proto::{Topic, topics::PARTITIONS};

use super::memory::Inbox;

/// Members share all partitions; each has a contiguous range.
pub(super) struct Group {
    pub(super) topics: Vec<&'static Topic>,
    pub(super) inbox: Inbox,
    /// Messages that gave way to newer ones, since a member last asked.
    pub(super) superseded: u64,
    /// Next offset to deliver, for topics of the log; absent until the partition is read.
    pub(super) positions: HashMap<(&'static str, u32), u64>,
    /// By name: whether it holds messages that it has not finished.
    members: BTreeMap<String, bool>,
    /// Who has a partition. One that moves is free only after its old owner has let go.
    owners: HashMap<u32, String>,
}

/// How a member's partitions change.
pub(super) struct Change {
    pub(super) lost: Vec<u32>,
    pub(super) gained: Vec<u32>,
}

impl Group {
    pub(super) fn new(topics: &[&'static Topic]) -> Self {
        Self {
            topics: topics.to_vec(),
            inbox: Inbox::default(),
            superseded: 0,
            positions: HashMap::new(),
            members: BTreeMap::new(),
            owners: HashMap::new(),
        }
    }

    pub(super) fn join(&mut self, member: &str) {
        self.members.insert(member.to_owned(), false);
    }

    pub(super) fn leave(&mut self, member: &str) {
        self.members.remove(member);
        let mine: Vec<u32> = self.owned(member).collect();
        self.let_go(&mine);
    }

    /// What a member is to give up and what it gets: first it gives up, and gets more when it has let go.
    pub(super) fn change(&mut self, member: &str) -> Change {
        let target = self.range(member);
        let lost: Vec<u32> = self.owned(member).filter(|partition| !target.contains(partition)).collect();
        let gained: Vec<u32> = if lost.is_empty() {
            target.into_iter().filter(|partition| !self.owners.contains_key(partition)).collect()
        } else {
            Vec::new()
        };
        self.owners.extend(gained.iter().map(|partition| (*partition, member.to_owned())));
        Change { lost, gained }
    }

    /// Frees partitions. What was delivered from them and not committed is delivered again to the next owner.
    pub(super) fn let_go(&mut self, partitions: &[u32]) {
        self.owners.retain(|partition, _| !partitions.contains(partition));
        self.positions.retain(|(_, partition), _| !partitions.contains(partition));
    }

    pub(super) fn owns(&self, member: &str, partition: u32) -> bool {
        self.owners.get(&partition).is_some_and(|owner| owner == member)
    }

    pub(super) fn owned<'a>(&'a self, member: &'a str) -> impl Iterator<Item = u32> + 'a {
        self.owners.iter().filter(move |(_, owner)| *owner == member).map(|(partition, _)| *partition)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn reads(&self, topic: &Topic) -> bool {
        self.topics.iter().any(|other| other.noun == topic.noun)
    }

    /// Answers whether that changed: whoever waits for the bus to settle must hear of it, and of nothing else.
    pub(super) fn set_busy(&mut self, member: &str, busy: bool) -> bool {
        self.members.get_mut(member).is_some_and(|state| std::mem::replace(state, busy) != busy)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.members.values().any(|busy| *busy)
    }

    /// The partitions of a member: a contiguous range, the first members one longer where it does not divide.
    fn range(&self, member: &str) -> Vec<u32> {
        let Some(index) = self.members.keys().position(|name| name == member) else { return Vec::new() };
        let (count, index) = (self.members.len() as u32, index as u32);
        let (each, rest) = (PARTITIONS / count, PARTITIONS % count);
        let start = index * each + index.min(rest);
        (start..start + each + u32::from(index < rest)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_exactly_one_owner() {
        for count in 1..=PARTITIONS + 3 {
            let mut group = Group::new(&[]);
            let names: Vec<String> = (0..count).map(|n| format!("{n:03}")).collect();
            names.iter().for_each(|name| group.join(name));
            let mut all: Vec<u32> = names.iter().flat_map(|name| group.change(name).gained).collect();
            all.sort_unstable();
            assert_eq!(all, (0..PARTITIONS).collect::<Vec<_>>());
        }
    }
}
