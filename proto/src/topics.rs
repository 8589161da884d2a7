//! THE table of topics: read by both bus engines, by `cortex topics` and by the chart.

use std::time::Duration;

/// How a topic treats its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Best effort; the newest message of a slot wins and nobody waits for a reader.
    Picture,
    /// Delivered like a picture; holds facts as an Arrow IPC stream, for readers outside, who see every message.
    Batch,
    /// Never dropped, never reordered within a key.
    Fact,
    /// The newest message of a slot wins and is void after [`Topic::retention`].
    Latest,
    /// The newest message of a key is kept for ever; read from the start, never by committed offset.
    Table,
}

/// What decides a message's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The camera's own partition, chosen when it is added.
    Camera,
    /// The partition itself: what is told of all its cameras together.
    Partition,
    /// Hash of the site.
    Site,
    /// Hash of the entry's own id.
    Own,
    /// Hash of the writer.
    Writer,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Topic {
    /// The plural noun that names it everywhere: on the command line, as table, as metric label.
    pub noun: &'static str,
    /// Name on the bus; a breaking change is a `v2` beside it.
    pub name: &'static str,
    /// Full name of what it carries: of the protobuf message, of the Arrow schema where the class is [`Class::Batch`].
    pub message: &'static str,
    /// What decides the partition.
    pub key: Key,
    /// How messages are treated.
    pub class: Class,
    /// How long a message lives; zero for ever.
    pub retention: Duration,
    /// In one process it travels in memory, because what it tells of dies with the process.
    pub volatile: bool,
    /// Stages that may write it.
    pub writers: &'static [&'static str],
    /// Stages that read it.
    pub readers: &'static [&'static str],
}

/// Partitions of every topic, whatever the number of workers. Changing it is a migration.
pub const PARTITIONS: u32 = 64;

/// Longer than a process of a group may be away before another has its partitions and is ready.
const LOOK_BACK: Duration = Duration::from_secs(30);

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

macro_rules! topics {
    ($($(#[$doc:meta])* $constant:ident = $noun:literal $message:literal $key:ident $class:ident
       $seconds:expr, $volatile:literal, [$($writer:literal)*] => [$($reader:literal)*];)*) => {
        $($(#[$doc])* pub const $constant: Topic = Topic {
            noun: $noun,
            name: concat!("cortex.", $noun, ".v1"),
            message: concat!("cortex.", $message),
            key: Key::$key,
            class: Class::$class,
            retention: Duration::from_secs($seconds),
            volatile: $volatile,
            writers: &[$($writer),*],
            readers: &[$($reader),*],
        };)*
        /// Every topic, in the order in which a frame meets them.
        pub const ALL: &[&Topic] = &[$(&$constant),*];
    };
}

topics! {
    /// Pictures and heartbeats.
    FRAMES = "frames" "v1.Frame" Camera Picture 5 * MINUTE, true, ["ingest"] => ["detector" "cloaker"];
    /// What the detector saw.
    DETECTIONS = "detections" "v1.Detections" Camera Fact 7 * DAY, true, ["detector"] => ["cloaker" "recognizer"];
    /// Best views of faces.
    CHIPS = "chips" "v1.Chip" Camera Picture 5 * MINUTE, true, ["detector"] => ["recognizer"];
    /// Who wants pictures.
    DEMAND = "demand" "v1.Demand" Camera Latest 10, true, ["detector" "alerter"] => ["ingest" "cloaker"];
    /// What stages know of cameras.
    STATUS = "status" "v1.Status" Camera Latest MINUTE, true,
        ["ingest" "detector" "recognizer" "cloaker" "alerter"] => ["alerter"];
    /// Pictures after redaction.
    CLOAKED = "cloaked" "v1.Cloaked" Camera Picture MINUTE, true, ["cloaker"] => ["alerter"];
    /// What rules found.
    ANOMALIES = "anomalies" "v1.Anomaly" Site Fact 30 * DAY, false,
        ["ingest" "detector" "recognizer"] => ["alerter"];
    /// Who was recognised.
    IDENTITIES = "identities" "v1.Identity" Site Fact 7 * DAY, false, ["recognizer"] => ["alerter"];
    /// What people did to alerts.
    ACTS = "acts" "v1.Act" Site Fact 30 * DAY, false, ["alerter"] => ["alerter"];
    /// What operators see.
    ALERTS = "alerts" "v1.Alert" Site Fact 30 * DAY, false, ["alerter"] => ["alerter"];
    /// The live log.
    LOG = "log" "v1.LogEntry" Site Fact 7 * DAY, false, ["alerter"] => ["alerter"];
    /// What the detector saw, as columns.
    ANALYTICS = "analytics" "analytics.v1" Partition Batch DAY, true, ["detector"] => [];
    /// Cameras.
    CAMERAS = "cameras" "v1.Camera" Own Table 0, false, ["alerter"] => ["ingest" "detector" "recognizer" "cloaker" "alerter"];
    /// Zones, rules and the gallery's version.
    CONFIG = "config" "v1.ConfigEntry" Own Table 0, false, ["alerter"] => ["ingest" "detector" "recognizer" "cloaker" "alerter"];
    /// Who did what.
    AUDIT = "audit" "v1.Audit" Writer Fact 365 * DAY, false,
        ["ingest" "detector" "recognizer" "cloaker" "alerter"] => [];
    /// Inputs that no stage can use.
    DEAD = "dead" "v1.Dead" Camera Fact 30 * DAY, false,
        ["detector" "recognizer" "cloaker" "alerter"] => [];
}

impl Class {
    /// Nothing waits for these, and of those that wait for a reader only the newest of each slot does. They have no place
    /// that anybody goes back to.
    pub fn newest_wins(self) -> bool {
        matches!(self, Self::Picture | Self::Batch | Self::Latest)
    }
}

impl Topic {
    /// How far before the newest picture a reader begins to whom a partition is new. Of a face only its best views are sent, so
    /// whoever goes on for a recognizer that died still needs those of the people before the cameras, but of nothing else.
    pub fn looks_back(&self) -> Duration {
        if self.noun == CHIPS.noun { LOOK_BACK } else { Duration::ZERO }
    }

    /// Whether it is encrypted wherever it leaves the process: faces, picked out of their pictures.
    pub fn is_sealed(&self) -> bool {
        self.noun == CHIPS.noun
    }

    /// Media type of its messages.
    pub fn content_type(&self) -> &'static str {
        match self.class {
            Class::Batch => "application/vnd.apache.arrow.stream",
            Class::Picture | Class::Fact | Class::Latest | Class::Table => "application/protobuf",
        }
    }
}

/// The topic with this noun.
pub fn find(noun: &str) -> Option<&'static Topic> {
    ALL.iter().find(|topic| topic.noun == noun).copied()
}

/// The partition of a key that has no place of its own: FNV-1a, the same in every process and version.
pub fn partition_of(key: &str) -> u32 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u32::try_from((hash ^ (hash >> 32)) % u64::from(PARTITIONS)).expect("a remainder of 64 fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_unique_and_found() {
        for topic in ALL {
            assert_eq!(find(topic.noun), Some(*topic));
            assert_eq!(ALL.iter().filter(|other| other.noun == topic.noun).count(), 1);
        }
    }

    #[test]
    fn partitions_of_keys_never_change() {
        assert_eq!(partition_of("default"), 40);
        assert!((0..1000).all(|n| partition_of(&format!("site-{n}")) < PARTITIONS));
    }
}
