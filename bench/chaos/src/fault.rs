//! What is done to a running fleet. The numbers are those of the project's list of faults.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "lower")]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fault {
    /// None: what everything else is compared with
    Calm,
    /// kill -9 of ingest, five times, with a restart
    F1,
    /// kill -9 of one of two ingests, without a restart
    F1Alone,
    /// kill -9 of the detector, five times at random points, with a restart
    F2,
    /// kill -9 of one of two detectors, without a restart
    F2Alone,
    /// kill -9 of the recognizer, five times, with a restart
    F3,
    /// kill -9 of the cloaker, three times, with a restart
    F4,
    /// kill -9 of one of two alerters while a hundred subscribers hold cursors, with a restart
    F5,
    /// kill -9 of the broker, three times
    F7,
    /// kill -9 of one of three brokers
    F7Three,
    /// A detector more and less every ten seconds for two minutes
    F10,
    /// A detector stops for longer than its session, and wakes up
    F11,
    /// kill -9 of the database, away for a minute
    F13,
    /// kill -9 of one of three database nodes, away for a minute
    F13Three,
    /// One message in a hundred is flipped, empty, of another schema, or huge
    F15,
    /// Cameras that come and go every second, and one that stalls without a word
    F20,
    /// Ten times the frames for thirty seconds
    F21,
    /// A subscriber that takes one alert a second among two hundred that do not wait
    F22,
    /// The disk of a single process's log and store is full for a while
    F24,
    /// SIGTERM to each process in turn, with a restart
    F29,
}

/// How long Cortex waits for a broker to take a fact.
const DELIVERY_S: u64 = 8;

/// What a fault may do at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// No camera goes without an analysed picture for longer, while there is a broker.
    pub(crate) stall: Option<Duration>,
    /// From the start of what was killed to its first word, in times of its own start.
    pub(crate) restart: Option<f64>,
    /// From there to a word of every camera, as a time.
    pub(crate) back: Option<Duration>,
    /// Identity switches a picture, in times of those of the calm run.
    pub(crate) switches: Option<f64>,
}

impl Fault {
    /// Brokers, and nodes of the database.
    pub(crate) fn copies(self) -> u32 {
        if matches!(self, Self::F7Three | Self::F13Three) { 3 } else { 1 }
    }

    /// Who runs when the fault begins.
    pub(crate) fn processes(self) -> &'static [&'static str] {
        match self {
            Self::F1Alone => &["alerter-1", "detector-1", "cloaker-1", "ingest-1", "ingest-2"],
            Self::F2Alone | Self::F11 => &["alerter-1", "detector-1", "detector-2", "cloaker-1", "ingest-1"],
            Self::F3 => &["recognizer-1", "alerter-1", "detector-1", "cloaker-1", "ingest-1"],
            Self::F5 | Self::F29 => &["alerter-1", "alerter-2", "detector-1", "cloaker-1", "ingest-1"],
            // It is ingest that is played.
            Self::F21 => &["alerter-1", "detector-1"],
            _ => &["alerter-1", "detector-1", "cloaker-1", "ingest-1"],
        }
    }

    /// Subscribers that do not wait.
    pub(crate) fn subscribers(self) -> u32 {
        match self {
            Self::F5 => 100,
            Self::F22 => 200,
            _ => 4,
        }
    }

    /// Whether somebody acknowledges and comments on alerts. Not where the servers' core is full, nor where files are looked
    /// at and nobody listens.
    pub(crate) fn has_operator(self) -> bool {
        !matches!(self, Self::F21 | Self::F24)
    }

    pub(crate) fn limits(self) -> Limits {
        let none = Limits { stall: None, restart: None, back: None, switches: None };
        let seconds = |count| Some(Duration::from_secs(count));
        let session = crate::plant::SESSION.as_secs();
        // Whoever dies, others go on without it.
        let others = Limits { stall: seconds(session + 5), ..none };
        match self {
            Self::F1 => Limits { restart: Some(3.0), back: seconds(5), ..others },
            Self::F2 => Limits { restart: Some(3.0), back: seconds(10), ..others },
            Self::F2Alone | Self::F11 => Limits { switches: Some(1.2), ..others },
            // Its word is the live view, which is there while somebody looks.
            Self::F4 => Limits { back: seconds(5), ..others },
            Self::F3 | Self::F5 => Limits { restart: Some(3.0), ..others },
            // First a fact waits for the broker as long as a client tries, and partitions may move after that.
            Self::F7 => Limits { stall: seconds(DELIVERY_S + session + 5), back: seconds(15), ..none },
            Self::F7Three => Limits { stall: seconds(DELIVERY_S + session + 5), ..none },
            Self::F10 => Limits { stall: seconds(session + 3), switches: Some(1.2), ..none },
            Self::F1Alone | Self::F13 | Self::F13Three | Self::F29 => others,
            _ => none,
        }
    }
}
