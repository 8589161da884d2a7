//! What is carried out beside the stage, by a thread that only waits for servers: models, decisions and the live view go
//! on meanwhile, also while a server hangs.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::sinks::Failure;
use crate::{
    bus::{Bus, Held, Outgoing, Writer},
    stage::Key,
    store::{Store, StoredRow, table},
};

/// What is due at one moment. It keeps what it could not bring.
#[derive(Default)]
pub(super) struct Errand {
    /// Volatile facts that the bus did not take before.
    pub(super) late: VecDeque<(Outgoing, Writer)>,
    /// Snapshots with their decisions' rows, then rows that are stored behind; empty once they are written.
    pub(super) rows: Vec<StoredRow>,
    /// So many of them are not stored behind.
    pub(super) own: usize,
    pub(super) saves: Vec<Save>,
    pub(super) tells: Vec<Tell>,
    pub(super) took: Duration,
}

/// A key whose snapshot is among the rows.
pub(super) struct Save {
    pub(super) key: Key,
    /// Whose it is, as rows name him.
    pub(super) owner: String,
    /// So many decisions are in the snapshot.
    pub(super) recorded: usize,
    /// Places of the rows that it replaces.
    pub(super) replaces: Vec<Vec<u8>>,
}

/// Decisions of a key whose snapshot holds them, so that a crash loses nothing of them.
pub(super) struct Tell {
    pub(super) key: Key,
    pub(super) partition: u32,
    pub(super) decisions: usize,
    /// Rows whose place is written once.
    pub(super) once: Vec<StoredRow>,
    pub(super) messages: Vec<Outgoing>,
    pub(super) writer: Writer,
    pub(super) told: bool,
}

impl Errand {
    fn run(&mut self, bus: &dyn Bus, store: &dyn Store, held: &Held) -> Result<(), Failure> {
        while let Some((message, writer)) = self.late.front() {
            bus.publish(std::slice::from_ref(message), writer)?;
            self.late.pop_front();
        }
        if !self.rows.is_empty() {
            store.write(&self.rows)?;
            self.rows.clear();
        }
        for save in &mut self.saves {
            while let Some(old) = save.replaces.last() {
                store.delete(&table::SNAPSHOTS, &save.owner, old)?;
                save.replaces.pop();
            }
        }
        for tell in &mut self.tells {
            // It may have taken a while to come here: what is another's by now is told by him.
            if held(tell.partition) {
                tell.run(bus, store)?;
                tell.told = true;
            }
        }
        Ok(())
    }
}

impl Tell {
    fn run(&self, bus: &dyn Bus, store: &dyn Store) -> Result<(), Failure> {
        for row in &self.once {
            if !store.insert(row)? {
                return Err(Failure::Fenced(format!(
                    "another owner wrote place {:x?} of {}/{}: stopping, it goes on from there",
                    row.sort, row.table, row.partition
                )));
            }
        }
        Ok(bus.publish(&self.messages, &self.writer)?)
    }
}

/// The thread that does errands, one at a time.
pub(super) struct Courier {
    errands: Sender<Errand>,
    done: Receiver<(Errand, Result<(), Failure>)>,
    is_out: bool,
}

impl Courier {
    pub(super) fn start(
        name: &str,
        bus: Arc<dyn Bus>,
        store: Arc<dyn Store>,
        held: Held,
    ) -> io::Result<Self> {
        let (errands, given) = channel::<Errand>();
        let (back, done) = channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            for mut errand in given {
                let begun = Instant::now();
                let result = errand.run(&*bus, &*store, &held);
                errand.took = begun.elapsed();
                if back.send((errand, result)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { errands, done, is_out: false })
    }

    pub(super) fn is_out(&self) -> bool {
        self.is_out
    }

    /// Sends it out. A thread that ended is noticed by [`Courier::back`].
    pub(super) fn send(&mut self, errand: Errand) {
        self.is_out = true;
        self.errands.send(errand).ok();
    }

    /// The errand that is out and how it went, once it is back; `None` if it is not back in time, or none is out.
    pub(super) fn back(&mut self, limit: Duration) -> Option<(Errand, Result<(), Failure>)> {
        if !self.is_out {
            return None;
        }
        let back = match self.done.recv_timeout(limit) {
            Ok(back) => back,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {
                let why = "what carries out what a stage said has panicked: stopping";
                (Errand::default(), Err(Failure::Fenced(why.to_owned())))
            }
        };
        self.is_out = false;
        Some(back)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a broken promise ends the test
mod tests {
    use cortex_proto::{topics, v1};

    use super::*;
    use crate::{
        bus::{Embedded, From, Full, Take},
        store::{Retention, Sqlite},
    };

    #[test]
    fn what_moved_meanwhile_is_not_told() {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let (bus, store) =
            (Embedded::open(None, Full::Shed).unwrap(), Sqlite::open(None, retention).unwrap());
        let tell = |partition: u32| {
            let anomaly = v1::Anomaly { id: partition.to_string(), ..Default::default() };
            Tell {
                key: Key::from("camera"),
                partition,
                decisions: 1,
                once: Vec::new(),
                messages: vec![Outgoing::new(anomaly, partition)],
                writer: Writer::ANYBODY,
                told: false,
            }
        };
        let mut heard = bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
        let mut errand = Errand { tells: vec![tell(1), tell(2)], ..Errand::default() };
        let held: Held = Arc::new(|partition| partition == 2);
        assert!(errand.run(&bus, &store, &held).is_ok());
        let told: Vec<bool> = errand.tells.iter().map(|tell| tell.told).collect();
        assert_eq!(told, [false, true]);
        let records = heard.next(Take { count: 9, wait: Duration::ZERO }).unwrap();
        assert_eq!(records.iter().map(|record| record.partition).collect::<Vec<_>>(), [2]);
    }
}
