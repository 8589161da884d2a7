//! Who did what: a chain of hashes for each writer, so that a link which is changed, removed or put in between shows.
//!
//! Every start of a writer is a new term, whose first link has the hash of the previous term's last one. Writing fails
//! closed: what cannot be audited is not done.

use std::sync::{Arc, Mutex, PoisonError};

use cortex_proto::{Message, topics, v1};
use sha2::{Digest, Sha256};

use crate::{
    bus::{self, Bus, Outgoing, Writer},
    runner::WallClock,
    store::{
        self, Row, Scan, Store, StoredRow,
        rows::number,
        table::{self, Table},
    },
};

/// Writes one chain; a cheap clone.
#[derive(Clone)]
pub struct Auditor(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    clock: WallClock,
    writer: String,
    term: u64,
    head: Mutex<Head>,
}

/// The end of the chain so far.
struct Head {
    sequence: u64,
    hash: Vec<u8>,
}

/// It could not be audited, so it must not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("write the audit: {0}")]
    Store(#[from] store::Error),
    /// The bus failed.
    #[error("publish the audit: {0}")]
    Bus(#[from] bus::Error),
    /// Another process writes as the same writer.
    #[error("audit writer {writer} was taken over by another process: stop this one")]
    Fenced {
        /// The writer.
        writer: String,
    },
}

/// A whole chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Links in it.
    pub links: u64,
    /// Hash of the last one, in hex; keep it elsewhere, and a cut end shows too.
    pub head: String,
}

/// Why a chain cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store failed.
    #[error("read the audit: {0}")]
    Store(#[from] store::Error),
    /// The first link that is not what was written.
    #[error("audit of {writer} is broken at term {term}, link {sequence}: {reason}")]
    Broken {
        /// The writer.
        writer: String,
        /// Its term.
        term: u64,
        /// Place in the term.
        sequence: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Links read at once.
const READ: usize = 1000;

impl Row for v1::Audit {
    const TABLE: &'static Table = &table::AUDIT;

    fn partition(&self) -> String {
        partition(&self.writer, self.term)
    }

    fn sort(&self) -> Vec<u8> {
        self.sequence.to_be_bytes().to_vec()
    }

    fn time_us(&self) -> i64 {
        self.time_us
    }

    fn body(&self) -> Vec<u8> {
        Message::encode(self)
    }
}

impl Auditor {
    /// Begins a term of `writer` (one name for each process, the same over restarts).
    ///
    /// # Errors
    /// The store failed.
    pub fn open(
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        writer: &str,
        clock: WallClock,
    ) -> Result<Self, Error> {
        let term = store::next_term(&*store, &owner(writer))?;
        // A term may have ended before its first link.
        let mut hash = Vec::new();
        for earlier in (1..term).rev() {
            let last = store.scan(&Scan::latest(&table::AUDIT, &partition(writer, earlier), 1))?;
            if let Some(row) = last.first() {
                hash = v1::Audit::decode(&row.body).map(|link| link.hash).unwrap_or_default();
                break;
            }
        }
        let head = Mutex::new(Head { sequence: 0, hash });
        Ok(Self(Arc::new(Inner { store, bus, clock, writer: writer.to_owned(), term, head })))
    }

    /// Writes that `subject` does `action` on `object`, before it is done. `detail` has nothing biometric and no
    /// secret.
    ///
    /// # Errors
    /// It was not written, so it must not be done.
    pub fn write(&self, subject: &str, action: &str, object: &str, detail: &str) -> Result<(), Error> {
        let inner = &*self.0;
        let mut head = inner.head.lock().unwrap_or_else(PoisonError::into_inner);
        let mut link = v1::Audit {
            writer: inner.writer.clone(),
            term: inner.term,
            sequence: head.sequence + 1,
            time_us: (inner.clock)(),
            subject: subject.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            detail: detail.to_owned(),
            previous: head.hash.clone(),
            hash: Vec::new(),
        };
        link.hash = hash(&link);
        if !inner.store.insert(&StoredRow::of(&link))? {
            return Err(Error::Fenced { writer: inner.writer.clone() });
        }
        *head = Head { sequence: link.sequence, hash: link.hash.clone() };
        let partition = topics::partition_of(&inner.writer);
        let writer = Writer::new(owner(&inner.writer), inner.term);
        Ok(inner.bus.publish(&[Outgoing::new(link, partition)], &writer)?)
    }
}

/// Everybody who ever wrote a chain.
///
/// # Errors
/// The store failed.
pub fn writers(store: &dyn Store) -> Result<Vec<String>, store::Error> {
    let owners = store.scan(&Scan::table(&table::TERMS))?;
    Ok(owners.iter().filter_map(|row| row.partition.strip_prefix("audit/").map(str::to_owned)).collect())
}

/// Walks the chain of a writer over all its terms.
///
/// # Errors
/// The first link that is broken, or the store failed.
pub fn verify(store: &dyn Store, writer: &str) -> Result<Verified, VerifyError> {
    let terms = store.get(&table::TERMS, &owner(writer), &[])?.as_deref().map_or(0, number);
    let (mut links, mut head) = (0, Vec::new());
    for term in 1..=terms {
        let broken =
            |sequence, reason| VerifyError::Broken { writer: writer.to_owned(), term, sequence, reason };
        let (partition, mut next) = (partition(writer, term), 1_u64);
        loop {
            let mut scan = Scan::all(&table::AUDIT, &partition);
            // From the very first place on, so that a link before the first is found too.
            scan.from = if next == 1 { Vec::new() } else { next.to_be_bytes().to_vec() };
            scan.limit = READ;
            let rows = store.scan(&scan)?;
            for row in &rows {
                let link = v1::Audit::decode(&row.body).map_err(|_| broken(next, "it is no link"))?;
                if link.sequence != next || row.sort != next.to_be_bytes() {
                    return Err(broken(next, "it is missing"));
                }
                if link.hash != hash(&link) || link.writer != writer || link.term != term {
                    return Err(broken(next, "its content was changed"));
                }
                if link.previous != head {
                    return Err(broken(next, "it does not follow the link before it"));
                }
                head = link.hash;
                next += 1;
                links += 1;
            }
            if rows.len() < READ {
                break;
            }
        }
    }
    Ok(Verified { links, head: hex::encode(head) })
}

/// SHA-256 over the link without its hash. Protobuf without maps is written in one way only.
fn hash(link: &v1::Audit) -> Vec<u8> {
    let bare = v1::Audit { hash: Vec::new(), ..link.clone() };
    Sha256::digest(Message::encode(&bare)).to_vec()
}

fn partition(writer: &str, term: u64) -> String {
    format!("{writer}/{term}")
}

fn owner(writer: &str) -> String {
    format!("audit/{writer}")
}
