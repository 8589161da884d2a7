//! The tables of the store, how their rows are written, and how long each keeps them.

use std::time::Duration;

/// Rows of one class share a retention and give way together when the disk budget is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Kept until it is deleted: terms, snapshots, people, sessions.
    State,
    /// Alerts and verdicts on them, anomalies, identities and the log.
    Events,
    /// What the detector saw.
    Detections,
    /// Cloaked stills and clips.
    Stills,
}

/// How the places of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// A place may get another value, and may be deleted; what was written last counts.
    Changing,
    /// What happened: a place never gets another value, and only retention removes it; so writes need no order.
    Fact,
    /// A place is a sequence number as eight bytes, most significant first. Whoever comes first has it, for ever.
    Once,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, the plural noun of what it holds.
    pub name: &'static str,
    /// How long its rows live.
    pub class: Class,
    /// How its places are written.
    pub writes: Writes,
}

/// How long each class of rows lives, and how large the store may grow.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Alerts and verdicts on them, anomalies, identities and the log.
    pub events: Duration,
    /// What the detector saw.
    pub detections: Duration,
    /// Cloaked stills and clips.
    pub stills: Duration,
    /// Bytes of an embedded database; the oldest detections, stills and clips give way above it.
    pub budget: u64,
}

impl Retention {
    /// How long rows of a table live; `None` for ever.
    pub fn keeps(&self, table: &Table) -> Option<Duration> {
        match table.class {
            Class::State => None,
            Class::Events => Some(self.events),
            Class::Detections => Some(self.detections),
            Class::Stills => Some(self.stills),
        }
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $constant:ident = $name:literal $class:ident $writes:ident;)*) => {
        $(
            $(#[$doc])*
            pub const $constant: Table = Table { name: $name, class: Class::$class, writes: Writes::$writes };
        )*
        /// Every table.
        pub const ALL: &[&Table] = &[$(&$constant),*];
    };
}

tables! {
    /// The term of every owner. Partition: owner.
    TERMS = "terms" State Changing;
    /// State and outbox of every key. Partition: stage and partition; place: key and term.
    SNAPSHOTS = "snapshots" State Changing;
    /// Partition and site of every camera that ever was, chosen once. Partition: camera.
    PLACES = "places" State Changing;
    /// Cameras that were told to be offline and not to have recovered. Partition: site; place: camera.
    OUTAGES = "outages" State Changing;
    /// What the detector saw, a packed row for each frame. Partition: camera and minute; place: role, epoch and sequence
    /// number, for answers to heartbeats the time as well.
    DETECTIONS = "detections" Detections Fact;
    /// What rules remembered, once a camera-hour, at starts and after changes. Partition: camera and hour; place: epoch
    /// and sequence number, then time.
    RULE_STATES = "rule_states" Detections Changing;
    /// What rules found. Partition: site and minute; place: time and id.
    ANOMALIES = "anomalies" Events Fact;
    /// Who was recognised. Partition: site and minute; place: time and id.
    IDENTITIES = "identities" Events Fact;
    /// Every revision of every alert. Partition: bus partition; place: sequence.
    ALERTS = "alerts" Events Once;
    /// What people judged of rules. Partition: rule and camera; place: alert.
    VERDICTS = "verdicts" Events Changing;
    /// The live log. Partition: bus partition; place: sequence.
    LOG = "log" Events Once;
    /// Cloaked stills. Partition: camera, epoch and block of 16 pictures; place: role, epoch and sequence number.
    STILLS = "stills" Stills Fact;
    /// The seconds around pictures of which something was told: from when until when. As of [`STILLS`].
    CLIPS = "clips" Stills Fact;
    /// Cloaked pictures of clips. Partition: camera and second; place: time, then role, epoch and sequence number.
    CLIP_PICTURES = "clip_pictures" Stills Fact;
    /// People that may be recognised, names and vectors sealed, each with their own key. Partition: person.
    PEOPLE = "people" State Changing;
    /// Stills of people, sealed with their keys, where the configuration keeps them. Partition: person; place: number.
    PORTRAITS = "portraits" State Changing;
    /// Watch-lists. Partition: `lists`; place: id.
    WATCHLISTS = "watchlists" State Changing;
    /// Matches that two people must confirm; face and vector sealed with the person's key. Partition: day; place: id.
    MATCHES = "matches" Events Fact;
    /// What people decided of a match. Partition: match; place: sequence.
    DECISIONS = "decisions" Events Once;
    /// Where people were recognised. Partition: person; place: time and id.
    SIGHTINGS = "sightings" Events Fact;
    /// Who may call what: accounts, sessions and tokens, hashed. Partition: kind; place: id.
    ACCESS = "access" State Changing;
    /// The audit chain. Partition: writer and term; place: sequence.
    AUDIT = "audit" State Once;
}

/// The table of this name.
pub fn find(name: &str) -> Option<&'static Table> {
    ALL.iter().find(|table| table.name == name).copied()
}
