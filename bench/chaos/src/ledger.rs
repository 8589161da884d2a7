//! What is written down of a run, outside the system: lines of JSON in files, which the judge reads afterwards.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::stamp::Stamp;

/// A message that lies on the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    /// When it was written, microseconds since 1970.
    pub(crate) at_us: i64,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Who wrote it, and in which term; empty for a writer without a rival.
    pub(crate) owner: String,
    pub(crate) term: u64,
    pub(crate) body: Body,
}

/// What of a message the judge reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Body {
    Frame(Frame),
    Seen(Seen),
    Anomaly(Anomaly),
    Alert(Alert),
    Identity(Identity),
    Dead {
        stage: String,
        topic: String,
        reason: String,
        sha256: String,
    },
    /// It cannot be decoded.
    Garbage {
        sha256: String,
    },
}

/// A picture as it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) camera: String,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) n: u64,
    /// It carries no picture.
    pub(crate) heartbeat: bool,
    /// What ingest left out in this epoch, over all reasons.
    pub(crate) skipped: u64,
    /// What stands in the picture; none when it is torn.
    pub(crate) stamp: Option<Stamp>,
}

/// A message of `detections`, or its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) camera: String,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) n: u64,
    pub(crate) time_us: i64,
    pub(crate) received_us: i64,
    pub(crate) outcome: Outcome,
    /// Tracks with their boxes, of those that the model saw.
    pub(crate) tracks: Vec<(u64, [f32; 4])>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Processed,
    Skipped,
    /// No picture: time passed.
    Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Anomaly {
    pub(crate) id: String,
    pub(crate) camera: String,
    pub(crate) rule: String,
    pub(crate) track: u64,
    pub(crate) began_us: i64,
    pub(crate) time_us: i64,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) place: [f32; 4],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) id: String,
    pub(crate) revision: u32,
    pub(crate) partition: u32,
    pub(crate) sequence: u64,
    pub(crate) site: String,
    pub(crate) count: u32,
    /// It was put away: nobody can say anything of it any more.
    pub(crate) closed: bool,
    /// The act that made this revision, empty when none did, and the latest words.
    pub(crate) act: String,
    pub(crate) comment: String,
    /// Anomalies that it names: the latest, and those of its time line.
    pub(crate) anomalies: Vec<String>,
}

/// What was decided of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) camera: String,
    pub(crate) track: u64,
    /// Empty where nobody is known.
    pub(crate) person: String,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
}

/// A row of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Row {
    Seen(Seen),
    Anomaly(Anomaly),
    Alert(Alert),
    Identity(Identity),
}

/// What a subscriber was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) at_us: i64,
    pub(crate) subscriber: u32,
    /// How often it had connected.
    pub(crate) connection: u32,
    /// None where it only connected.
    pub(crate) alert: Option<Alert>,
}

/// What an operator said of an alert, in words that nothing else has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Act {
    pub(crate) at_us: i64,
    pub(crate) alert: String,
    pub(crate) words: String,
    pub(crate) answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The revision that came of it.
    Revision(u32),
    /// It counts once the alert's owner is there.
    WrittenDown,
    Failed(String),
}

/// What the run did, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) at_us: i64,
    pub(crate) what: Happened,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Happened {
    Phase(Phase),
    /// A process was started; it is ready when it listens.
    Started {
        instance: String,
    },
    Ready {
        instance: String,
    },
    Killed {
        instance: String,
    },
    Frozen {
        instance: String,
    },
    Thawed {
        instance: String,
    },
    /// It was asked to end, and did so with this code; none after a signal.
    Ended {
        instance: String,
        code: Option<i32>,
    },
    ServerGone {
        server: String,
    },
    ServerBack {
        server: String,
    },
    /// A process answered a question, well or not.
    Answered {
        question: String,
        good: bool,
        words: String,
    },
    /// Bytes that are no message were published.
    Injected {
        topic: String,
        kind: String,
        sha256: String,
    },
}

/// What a run goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    WarmUp,
    Steady,
    Fault,
    Heal,
    Settle,
    End,
}

/// What a process took at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Vital {
    pub(crate) at_us: i64,
    pub(crate) instance: String,
    pub(crate) process: u32,
    pub(crate) memory_mib: f64,
    pub(crate) threads: usize,
    pub(crate) files: usize,
    pub(crate) cpu_s: f64,
}

/// A file that many write lines into.
#[derive(Clone, Debug)]
pub(crate) struct Book(Arc<Mutex<File>>);

impl Book {
    pub(crate) fn open(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        Ok(Self(Arc::new(Mutex::new(file.with_context(|| format!("open {}", path.display()))?))))
    }

    /// Writes a line. A ledger that cannot be written is no ledger: the run ends.
    pub(crate) fn write(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)?)
    }
}

/// Every line of a file; none where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<Vec<T>> {
    let path = folder.join(name);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let lines = BufReader::new(File::open(&path)?).lines();
    lines
        .map(|line| serde_json::from_str(&line?).with_context(|| format!("read {}", path.display())))
        .collect()
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
