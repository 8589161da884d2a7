//! The tables of the store, and how long each keeps its rows.

/// Rows of one class share a retention and give way together when the disk budget is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Kept until it is deleted: terms, snapshots, people, sessions.
    State,
    /// Alerts, anomalies, identities and the log.
    Events,
    /// What the detector saw.
    Detections,
    /// Cloaked stills.
    Stills,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, the plural noun of what it holds.
    pub name: &'static str,
    /// How long its rows live.
    pub class: Class,
    /// A place is written once and never changed.
    pub once: bool,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $constant:ident = $name:literal $class:ident $once:literal;)*) => {
        $($(#[$doc])* pub const $constant: Table = Table { name: $name, class: Class::$class, once: $once };)*
        /// Every table.
        pub const ALL: &[&Table] = &[$(&$constant),*];
    };
}

tables! {
    /// The term of every owner. Partition: owner.
    TERMS = "terms" State false;
    /// State and outbox of every key. Partition: stage and partition; place: key and term.
    SNAPSHOTS = "snapshots" State false;
    /// Cameras that were told to be offline and not to have recovered. Partition: site; place: camera.
    OUTAGES = "outages" State false;
    /// What the detector saw, a packed row for each frame. Partition: camera and hour; place: epoch and n.
    DETECTIONS = "detections" Detections false;
    /// What rules remembered, once a camera-hour, at starts and after changes. Partition: camera and hour; place: epoch
    /// and sequence number, then time.
    RULE_STATES = "rule_states" Detections false;
    /// What rules found. Partition: site and day; place: time and id.
    ANOMALIES = "anomalies" Events false;
    /// Who was recognised. Partition: site and day; place: time and id.
    IDENTITIES = "identities" Events false;
    /// Every revision of every alert. Partition: bus partition; place: sequence.
    ALERTS = "alerts" Events true;
    /// What people judged of rules. Partition: rule and camera; place: alert.
    VERDICTS = "verdicts" State false;
    /// The live log. Partition: bus partition; place: sequence.
    LOG = "log" Events true;
    /// Cloaked stills. Partition: camera, epoch and block of 65,536 pictures; place: epoch and sequence number.
    STILLS = "stills" Stills false;
    /// People that may be recognised, names and vectors sealed. Partition: `people`; place: id.
    PEOPLE = "people" State false;
    /// Who may call what: accounts, sessions and tokens, hashed. Partition: kind; place: id.
    ACCESS = "access" State false;
    /// The audit chain. Partition: writer and term; place: sequence.
    AUDIT = "audit" State true;
}

/// The table of this name.
pub fn find(name: &str) -> Option<&'static Table> {
    ALL.iter().find(|table| table.name == name).copied()
}
