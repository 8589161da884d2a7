//! The embedded engine: one process, no broker. Pictures and other volatile messages travel by reference in memory;
//! facts and tables lie in a durable log.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cortex_proto::{
    Topic,
    topics::{Class, PARTITIONS},
};

use super::{
    Bus, Consumer, Error, Event, Fence, From, Held, Outgoing, Record, Tail, Take, Writer,
    group::{Change, Group},
    log::{Ends, Entry, Log},
    memory::{Inbox, Latest},
};

/// What a publisher of pictures does when a slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The newest wins: live.
    Shed,
    /// It waits for the reader, so nothing is lost: recorded footage.
    Block,
}

/// The embedded bus. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Embedded(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    log: Log,
    full: Full,
}

struct State {
    groups: HashMap<String, Group>,
    tails: HashMap<u64, TailState>,
    /// For tails that begin at the start.
    latest: Latest,
    /// Of volatile messages; the log has one of its own.
    fence: Fence,
    ends: Ends,
    next_tail: u64,
}

struct TailState {
    topics: Vec<&'static Topic>,
    inbox: Inbox,
    positions: HashMap<(&'static str, u32), u64>,
    busy: bool,
}

/// Messages of one partition of the log that are read at once.
const READ: usize = 256;

impl Embedded {
    /// Opens the bus with its log at `path`; `None` keeps the log in memory.
    pub fn open(path: Option<&Path>, full: Full) -> Result<Self, Error> {
        let log = Log::open(path)?;
        let state = State {
            groups: HashMap::new(),
            tails: HashMap::new(),
            latest: Latest::default(),
            fence: Fence::default(),
            ends: log.ends()?,
            next_tail: 0,
        };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new(), log, full };
        Ok(Self(Arc::new(shared)))
    }

    /// Waits until everything published was read and worked on by every reader. `false` when it was not in time.
    pub fn settle(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.0.lock();
        while !state.is_settled() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            state = self.0.wait(state, left);
        }
        true
    }

    /// Removes messages older than their topic keeps, and beyond `budget` bytes the oldest facts that no group of
    /// this process still has to read.
    ///
    /// # Errors
    /// The log failed; the next sweep tries again.
    pub fn sweep(&self, now_us: i64, budget: u64) -> Result<u64, Error> {
        self.0.log.sweep(now_us, budget, || self.0.floors())
    }
}

impl Bus for Embedded {
    fn publish(&self, messages: &[Outgoing], writer: &Writer) -> Result<(), Error> {
        for run in messages.chunk_by(|one, other| one.topic.volatile == other.topic.volatile) {
            if run[0].topic.volatile {
                run.iter().try_for_each(|message| self.0.deliver(message, writer))?;
            } else {
                self.0.append(run, writer)?;
            }
        }
        Ok(())
    }

    fn subscribe(
        &self,
        group: &str,
        member: &str,
        topics: &[&'static Topic],
    ) -> Result<Box<dyn Consumer>, Error> {
        self.0.lock().groups.entry(group.to_owned()).or_insert_with(|| Group::new(topics)).join(member);
        self.0.changed.notify_all();
        Ok(Box::new(Member {
            shared: Arc::clone(&self.0),
            group: group.to_owned(),
            name: member.to_owned(),
            letting_go: Vec::new(),
        }))
    }

    fn tail(&self, topics: &[&'static Topic], from: From) -> Result<Box<dyn Tail>, Error> {
        let mut state = self.0.lock();
        let mut inbox = Inbox::default();
        let mut positions = HashMap::new();
        let reads = |noun: &str| topics.iter().any(|topic| topic.noun == noun);
        match from {
            From::Start => {
                let now = Instant::now();
                let known = state.latest.living(now).filter(|record| reads(record.topic.noun));
                known.for_each(|record| drop(inbox.put(record.clone(), now)));
            }
            From::End => positions.extend(state.ends.iter().filter(|((noun, _), _)| reads(noun))),
        }
        let id = state.next_tail;
        state.next_tail += 1;
        state.tails.insert(id, TailState { topics: topics.to_vec(), inbox, positions, busy: false });
        Ok(Box::new(Reader { shared: Arc::clone(&self.0), id }))
    }
}

struct Member {
    shared: Arc<Shared>,
    group: String,
    name: String,
    letting_go: Vec<u32>,
}

impl Consumer for Member {
    fn poll(&mut self, take: Take) -> Result<Option<Event>, Error> {
        let deadline = Instant::now() + take.wait;
        let mut state = self.shared.lock();
        let letting_go = std::mem::take(&mut self.letting_go);
        state.group(&self.group).let_go(&letting_go);
        loop {
            let ends = state.ends.clone();
            let group = state.group(&self.group);
            let Change { lost, gained } = group.change(&self.name);
            if !lost.is_empty() {
                self.letting_go.clone_from(&lost);
                return Ok(Some(Event::Revoked(lost)));
            }
            if !gained.is_empty() {
                match self.shared.committed(&self.group, &group.topics, &gained) {
                    Ok(committed) => group.positions.extend(committed),
                    Err(error) => {
                        group.let_go(&gained);
                        return Err(error);
                    }
                }
                return Ok(Some(Event::Assigned(gained)));
            }
            let mine: Vec<u32> = group.owned(&self.name).collect();
            let mut records = {
                let name = &self.name;
                let mut inbox = std::mem::take(&mut group.inbox);
                let records = inbox.take(|partition| group.owns(name, partition), take.count, Instant::now());
                group.inbox = inbox;
                records
            };
            for topic in group.topics.clone().into_iter().filter(|topic| !topic.volatile) {
                for partition in &mine {
                    let place = (topic.noun, *partition);
                    let position = group.positions.get(&place).copied().unwrap_or(0);
                    if position >= ends.get(&place).copied().unwrap_or(0) || records.len() >= take.count {
                        continue;
                    }
                    let read =
                        match self.shared.log.read(topic, *partition, position, take.count - records.len()) {
                            Ok(read) => read,
                            Err(error) if records.is_empty() => return Err(error),
                            // What was taken already must not be lost; the next call meets the error again.
                            Err(_) => break,
                        };
                    let next = after(&read).unwrap_or_else(|| ends[&place]);
                    group.positions.insert(place, next);
                    records.extend(read);
                }
            }
            if !records.is_empty() {
                group.set_busy(&self.name, true);
                // A slot is free: who waits for it may go on.
                self.shared.changed.notify_all();
                return Ok(Some(Event::Records(records)));
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(None) };
            state = self.shared.wait(state, left);
        }
    }

    fn commit(&mut self, topic: &'static Topic, partition: u32, offset: u64) -> Result<(), Error> {
        if topic.volatile { Ok(()) } else { self.shared.log.commit(&self.group, topic, partition, offset) }
    }

    fn held(&self) -> Held {
        let (shared, group, name) = (Arc::clone(&self.shared), self.group.clone(), self.name.clone());
        Arc::new(move |partition| shared.lock().group(&group).owns(&name, partition))
    }

    fn done(&mut self) {
        if self.shared.lock().group(&self.group).set_busy(&self.name, false) {
            self.shared.changed.notify_all();
        }
    }

    fn superseded(&mut self) -> u64 {
        std::mem::take(&mut self.shared.lock().group(&self.group).superseded)
    }

    fn lag(&self) -> u64 {
        let state = self.shared.lock();
        state.groups.get(&self.group).map_or(0, |group| {
            let behind = group.positions.iter().map(|(place, position)| {
                state.ends.get(place).copied().unwrap_or(0).saturating_sub(*position)
            });
            group.inbox.len() as u64 + behind.sum::<u64>()
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.lock().group(&self.group).leave(&self.name);
        self.shared.changed.notify_all();
    }
}

struct Reader {
    shared: Arc<Shared>,
    id: u64,
}

impl Tail for Reader {
    fn next(&mut self, take: Take) -> Result<Vec<Record>, Error> {
        let deadline = Instant::now() + take.wait;
        let mut state = self.shared.lock();
        loop {
            let ends = state.ends.clone();
            let tail = state.tails.get_mut(&self.id).expect("a tail lives until its reader is dropped");
            if std::mem::replace(&mut tail.busy, false) {
                self.shared.changed.notify_all();
            }
            let mut records = tail.inbox.take(|_| true, take.count, Instant::now());
            for ((noun, partition), end) in &ends {
                let Some(topic) = tail.topics.iter().find(|topic| topic.noun == *noun) else { continue };
                let position = tail.positions.get(&(*noun, *partition)).copied().unwrap_or(0);
                if position < *end {
                    let read = self.shared.log.read(topic, *partition, position, READ)?;
                    let next = after(&read).unwrap_or(*end);
                    tail.positions.insert((*noun, *partition), next);
                    records.extend(read);
                }
            }
            if !records.is_empty() {
                tail.busy = true;
                self.shared.changed.notify_all();
                return Ok(records);
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(records) };
            state = self.shared.wait(state, left);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().tails.remove(&self.id);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Hands a volatile message to every reader that is there.
    fn deliver(&self, message: &Outgoing, writer: &Writer) -> Result<(), Error> {
        let topic = message.topic;
        let mut state = self.lock();
        // Facts are never dropped: a reader that is behind holds its writer back. Pictures wait only when nothing
        // may be lost.
        let waits = self.full == Full::Block || topic.class == Class::Fact;
        while waits && topic.class != Class::Latest && state.group_is_full(topic, &message.slot, self.full) {
            state = self.wait(state, Duration::from_secs(1));
        }
        if !state.fence.admits(writer, topic.noun, message.partition) {
            return Err(Error::Fenced { owner: writer.owner.clone().unwrap_or_default() });
        }
        let record = Record {
            topic,
            partition: message.partition,
            offset: None,
            reference: None,
            key: Arc::clone(&message.key),
            slot: message.slot.as_str().into(),
            writer: writer.clone(),
            trace: message.trace.clone(),
            body: message.body.clone(),
        };
        let now = Instant::now();
        if topic.class == Class::Latest {
            state.latest.put(record.clone(), now);
        }
        for group in state.groups.values_mut().filter(|group| !group.is_empty() && group.reads(topic)) {
            group.superseded += u64::from(group.inbox.put(record.clone(), now).is_some());
        }
        for tail in
            state.tails.values_mut().filter(|tail| tail.topics.iter().any(|other| other.noun == topic.noun))
        {
            drop(tail.inbox.put(record.clone(), now));
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Where a group goes on in partitions of the log.
    fn committed(&self, group: &str, topics: &[&'static Topic], partitions: &[u32]) -> Result<Ends, Error> {
        let mut committed = Ends::new();
        for topic in topics.iter().filter(|topic| !topic.volatile) {
            for partition in partitions {
                committed.insert((topic.noun, *partition), self.log.committed(group, topic, *partition)?);
            }
        }
        Ok(committed)
    }

    /// The lowest offset that a group of this process still has to read, of every partition that a group reads.
    fn floors(&self) -> Result<Ends, Error> {
        let groups: Vec<(String, Vec<&'static Topic>)> =
            self.lock().groups.iter().map(|(name, group)| (name.clone(), group.topics.clone())).collect();
        let partitions: Vec<u32> = (0..PARTITIONS).collect();
        let mut floors = Ends::new();
        for (name, topics) in groups {
            for (place, offset) in self.committed(&name, &topics, &partitions)? {
                floors.entry(place).and_modify(|floor| *floor = offset.min(*floor)).or_insert(offset);
            }
        }
        Ok(floors)
    }

    /// Writes durable messages and waits until they are on disk.
    fn append(self: &Arc<Self>, messages: &[Outgoing], writer: &Writer) -> Result<(), Error> {
        let entries = messages
            .iter()
            .map(|message| Entry {
                topic: message.topic,
                partition: message.partition,
                key: Arc::clone(&message.key),
                slot: message.slot.clone(),
                writer: writer.clone(),
                trace: message.trace.clone(),
                time_us: now_us(),
                body: message.body.bytes(),
            })
            .collect();
        let (done, written) = mpsc::sync_channel(1);
        // Ends grow on the log's own thread, so readers see messages in the order in which they were written.
        let shared = Arc::downgrade(self);
        let finish = move |result: Result<Ends, Error>| {
            let result = result.map(|ends| {
                if let Some(shared) = shared.upgrade() {
                    shared.lock().ends.extend(ends);
                    shared.changed.notify_all();
                }
            });
            drop(done.send(result));
        };
        self.log.append(entries, Box::new(finish))?;
        written.recv().map_err(|_| Error::Closed)?
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.get_mut(name).expect("a group lives as long as the bus")
    }

    fn group_is_full(&self, topic: &'static Topic, slot: &str, full: Full) -> bool {
        let groups = self.groups.values().filter(|group| !group.is_empty() && group.reads(topic));
        let tails = self
            .tails
            .values()
            .filter(|tail| full == Full::Block && tail.topics.iter().any(|other| other.noun == topic.noun));
        groups
            .map(|group| &group.inbox)
            .chain(tails.map(|tail| &tail.inbox))
            .any(|inbox| inbox.is_full_for(topic, slot))
    }

    fn is_settled(&self) -> bool {
        let at_end = |topics: &[&'static Topic], positions: &HashMap<(&'static str, u32), u64>| {
            self.ends.iter().all(|((noun, partition), end)| {
                !topics.iter().any(|topic| topic.noun == *noun)
                    || positions.get(&(*noun, *partition)).copied().unwrap_or(0) >= *end
            })
        };
        let groups = self.groups.values().filter(|group| !group.is_empty()).all(|group| {
            group.inbox.len() == 0 && !group.is_busy() && at_end(&group.topics, &group.positions)
        });
        groups
            && self
                .tails
                .values()
                .all(|tail| tail.inbox.len() == 0 && !tail.busy && at_end(&tail.topics, &tail.positions))
    }
}

/// The offset behind the last of these.
fn after(records: &[Record]) -> Option<u64> {
    records.last()?.offset.map(|offset| offset + 1)
}

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as i64)
}
