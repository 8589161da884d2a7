//! Which type travels on which topic, under which key.

use prost::DecodeError;

use crate::{
    topics::{self, Topic},
    v1,
};

/// A message that has a topic. A type travels on one topic only.
pub trait Message: Sized + Send + Sync + 'static {
    /// The topic.
    const TOPIC: &'static Topic;

    /// What keeps messages in order: messages of one key are read in the order they were written.
    fn key(&self) -> &str;

    /// Within a topic whose newest message wins, what it wins over; the key if nothing finer.
    fn slot(&self) -> String {
        self.key().to_owned()
    }

    /// The message as bytes.
    fn encode(&self) -> Vec<u8>;

    /// The message from bytes.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// An epoch from the term of the ingest partition and a counter within it (see `FrameId.epoch`).
pub fn epoch(term: u64, counter: u32) -> u64 {
    (term << 24) | u64::from(counter & 0x00ff_ffff)
}

/// The term in an epoch.
pub fn epoch_term(epoch: u64) -> u64 {
    epoch >> 24
}

fn camera(id: &Option<v1::FrameId>) -> &str {
    id.as_ref().map_or("", |id| &id.camera)
}

macro_rules! message {
    ($($type:ident on $topic:ident, key $key:expr $(, slot $slot:expr)?;)*) => {$(
        impl Message for v1::$type {
            const TOPIC: &'static Topic = &topics::$topic;
            fn key(&self) -> &str {
                let key: fn(&Self) -> &str = $key;
                key(self)
            }
            $(fn slot(&self) -> String {
                let slot: fn(&Self) -> String = $slot;
                slot(self)
            })?
            fn encode(&self) -> Vec<u8> {
                prost::Message::encode_to_vec(self)
            }
            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                prost::Message::decode(bytes)
            }
        }
    )*};
}

message! {
    Frame on FRAMES, key |m| camera(&m.id),
        slot |m| {
            // A heartbeat has a slot of its own, so that it never displaces a picture.
            let role = m.id.as_ref().map_or(0, |id| id.role);
            format!("{}/{role}{}", camera(&m.id), if m.heartbeat == 0 { "" } else { "/heartbeat" })
        };
    Detections on DETECTIONS, key |m| camera(&m.frame);
    Chip on CHIPS, key |m| camera(&m.frame), slot |m| format!("{}/{}", camera(&m.frame), m.track);
    Demand on DEMAND, key |m| &m.camera, slot |m| format!("{}/{}", m.camera, m.asker);
    Status on STATUS, key |m| &m.camera, slot |m| format!("{}/{}", m.camera, m.stage);
    Cloaked on CLOAKED, key |m| camera(&m.frame);
    Anomaly on ANOMALIES, key |m| &m.site;
    Identity on IDENTITIES, key |m| &m.site;
    Act on ACTS, key |m| &m.site;
    Alert on ALERTS, key |m| &m.site;
    LogEntry on LOG, key |m| &m.site;
    Camera on CAMERAS, key |m| &m.id;
    ConfigEntry on CONFIG, key |_| "config", slot |m| m.slot();
    Audit on AUDIT, key |m| &m.writer;
    Dead on DEAD, key |m| &m.camera;
}

impl v1::ConfigEntry {
    fn slot(&self) -> String {
        match &self.entry {
            Some(v1::config_entry::Entry::Zone(zone)) => format!("zone/{}/{}", zone.camera, zone.id),
            Some(v1::config_entry::Entry::Rule(rule)) => format!("rule/{}", rule.id),
            Some(v1::config_entry::Entry::Gallery(_)) => "gallery".to_owned(),
            None => String::new(),
        }
    }
}
