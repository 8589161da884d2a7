//! The embedded engine: one process, no broker. Pictures and other volatile messages travel by reference in memory;
//! facts and tables lie in a durable log.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cortex_proto::{Topic, topics::Class};

use super::{
    Bus, Consumer, Error, Event, From, Outgoing, Record, Tail, Take,
    group::{Change, Group},
    log::{Ends, Entry, Log},
    memory::Inbox,
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
    dropped: AtomicU64,
}

struct State {
    groups: HashMap<String, Group>,
    tails: HashMap<u64, TailState>,
    /// The newest message of every slot of the topics whose newest wins, for tails that begin at the start.
    latest: HashMap<(&'static str, Arc<str>), Record>,
    ends: Ends,
    /// The offset of the next volatile message. Begins with the clock, so that offsets grow over restarts.
    next_volatile: u64,
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
            latest: HashMap::new(),
            ends: log.ends()?,
            next_volatile: now_us() as u64,
            next_tail: 0,
        };
        let shared = Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            log,
            full,
            dropped: AtomicU64::new(0),
        };
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

    /// Messages that gave way to newer ones since the start.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Removes messages older than their topic keeps.
    pub fn sweep(&self, now_us: i64) -> Result<u64, Error> {
        self.0.log.sweep(now_us)
    }
}

impl Bus for Embedded {
    fn publish(&self, messages: &[Outgoing], term: u64) -> Result<(), Error> {
        for run in messages.chunk_by(|one, other| one.topic.volatile == other.topic.volatile) {
            if run[0].topic.volatile {
                run.iter().for_each(|message| self.0.deliver(message, term));
            } else {
                self.0.append(run, term)?;
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
                let known = state.latest.values().filter(|record| reads(record.topic.noun));
                known.for_each(|record| drop(inbox.put(record.clone())));
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
            if group.set_busy(&self.name, false) {
                self.shared.changed.notify_all();
            }
            let Change { lost, gained } = group.change(&self.name);
            if !lost.is_empty() {
                self.letting_go.clone_from(&lost);
                return Ok(Some(Event::Revoked(lost)));
            }
            if !gained.is_empty() {
                for topic in group.topics.iter().filter(|topic| !topic.volatile) {
                    for partition in &gained {
                        let committed = self.shared.log.committed(&self.group, topic, *partition)?;
                        group.positions.insert((topic.noun, *partition), committed);
                    }
                }
                return Ok(Some(Event::Assigned(gained)));
            }
            let mine: Vec<u32> = group.owned(&self.name).collect();
            let mut records = {
                let name = &self.name;
                let mut inbox = std::mem::take(&mut group.inbox);
                let records = inbox.take(|partition| group.owns(name, partition), take.count);
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
                        self.shared.log.read(topic, *partition, position, take.count - records.len())?;
                    let next = read.last().map_or_else(|| ends[&place], |last| last.offset + 1);
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
            let mut records = tail.inbox.take(|_| true, take.count);
            for ((noun, partition), end) in &ends {
                let Some(topic) = tail.topics.iter().find(|topic| topic.noun == *noun) else { continue };
                let position = tail.positions.get(&(*noun, *partition)).copied().unwrap_or(0);
                if position < *end {
                    let read = self.shared.log.read(topic, *partition, position, READ)?;
                    let next = read.last().map_or(*end, |last| last.offset + 1);
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
    fn deliver(&self, message: &Outgoing, term: u64) {
        let topic = message.topic;
        let mut state = self.lock();
        // Facts are never dropped: a reader that is behind holds its writer back. Pictures wait only when nothing
        // may be lost.
        let waits = self.full == Full::Block || topic.class == Class::Fact;
        while waits && topic.class != Class::Latest && state.group_is_full(topic, &message.slot, self.full) {
            state = self.wait(state, Duration::from_secs(1));
        }
        let record = Record {
            topic,
            partition: message.partition,
            offset: state.next_volatile,
            key: Arc::clone(&message.key),
            slot: message.slot.as_str().into(),
            term,
            trace: message.trace.clone(),
            body: message.body.clone(),
        };
        state.next_volatile += 1;
        if topic.class == Class::Latest {
            state.latest.insert((topic.noun, Arc::clone(&record.slot)), record.clone());
        }
        let mut displaced = 0;
        for group in state.groups.values_mut().filter(|group| !group.is_empty() && group.reads(topic)) {
            displaced += u64::from(group.inbox.put(record.clone()).is_some());
        }
        for tail in
            state.tails.values_mut().filter(|tail| tail.topics.iter().any(|other| other.noun == topic.noun))
        {
            drop(tail.inbox.put(record.clone()));
        }
        drop(state);
        if topic.class == Class::Picture {
            self.dropped.fetch_add(displaced, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    /// Writes durable messages and waits until they are on disk.
    fn append(self: &Arc<Self>, messages: &[Outgoing], term: u64) -> Result<(), Error> {
        let entries = messages
            .iter()
            .map(|message| Entry {
                topic: message.topic,
                partition: message.partition,
                key: Arc::clone(&message.key),
                slot: message.slot.clone(),
                term,
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

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as i64)
}
