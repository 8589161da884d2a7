//! How the messages that outlive a process are laid out as rows.

use cortex_proto::{Message, v1};

use super::{
    Row,
    table::{self, Table},
};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// Eight bytes, most significant first, as a number; 0 when they are not eight.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

/// The partition of a camera's rows of one hour.
pub fn camera_hour(camera: &str, time_us: i64) -> String {
    format!("{camera}/{}", time_us.div_euclid(HOUR_US))
}

/// The partition of a site's rows of one day.
pub fn site_day(site: &str, time_us: i64) -> String {
    format!("{site}/{}", time_us.div_euclid(DAY_US))
}

/// The place of a frame within its camera's hour.
pub fn frame_place(frame: &v1::FrameId) -> Vec<u8> {
    [[frame.role as u8].as_slice(), &frame.epoch.to_be_bytes(), &frame.seq.to_be_bytes()].concat()
}

fn event_place(time_us: i64, id: &str) -> Vec<u8> {
    [&time_us.to_be_bytes(), id.as_bytes()].concat()
}

macro_rules! row {
    ($($type:ident in $table:ident, partition $partition:expr, sort $sort:expr, time $time:expr;)*) => {$(
        impl Row for v1::$type {
            const TABLE: &'static Table = &table::$table;
            fn partition(&self) -> String {
                let partition: fn(&Self) -> String = $partition;
                partition(self)
            }
            fn sort(&self) -> Vec<u8> {
                let sort: fn(&Self) -> Vec<u8> = $sort;
                sort(self)
            }
            fn time_us(&self) -> i64 {
                let time: fn(&Self) -> i64 = $time;
                time(self)
            }
            fn body(&self) -> Vec<u8> {
                prost::Message::encode_to_vec(self)
            }
        }
    )*};
}

row! {
    Detections in DETECTIONS, partition |m| camera_hour(m.key(), m.time_us),
        sort |m| {
            let mut place = m.frame.as_ref().map(frame_place).unwrap_or_default();
            // An answer to a heartbeat names the last frame seen, and must not replace that frame's own row.
            if m.outcome() == v1::Outcome::Time {
                place.extend(m.time_us.to_be_bytes());
            }
            place
        }, time |m| m.time_us;
    RuleState in RULE_STATES, partition |m| camera_hour(&m.camera, m.time_us),
        sort |m| {
            let mut place = m.frame.as_ref().map(frame_place).unwrap_or_default();
            place.extend(m.time_us.to_be_bytes());
            place
        }, time |m| m.time_us;
    Anomaly in ANOMALIES, partition |m| site_day(&m.site, m.time_us),
        sort |m| event_place(m.time_us, &m.id), time |m| m.time_us;
    Identity in IDENTITIES, partition |m| site_day(&m.site, m.time_us),
        sort |m| event_place(m.time_us, &m.id), time |m| m.time_us;
    Alert in ALERTS, partition |m| m.partition.to_string(),
        sort |m| m.sequence.to_be_bytes().to_vec(), time |m| m.written_us;
    LogEntry in LOG, partition |m| m.partition.to_string(),
        sort |m| m.sequence.to_be_bytes().to_vec(), time |m| m.time_us;
    Still in STILLS, partition |m| camera_hour(m.frame.as_ref().map_or("", |f| &f.camera), m.time_us),
        sort |m| m.frame.as_ref().map(frame_place).unwrap_or_default(), time |m| m.time_us;
}
