//! How the messages that outlive a process are laid out as rows.

use cortex_proto::{Message, v1};

use super::{
    Row,
    table::{self, Table},
};

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;

/// Pictures of one epoch whose stills lie together: of the largest, 3 MB each, they are the bound of a partition.
const STILLS: u64 = 16;
/// Rows of a sequence that lie together in an engine that bounds its partitions; an alert may have 48 KiB so.
const SEQUENCE: u64 = 1024;

/// Eight bytes, most significant first, as a number; 0 when they are not eight.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

/// The partition of what was seen at a camera, or happened at a site, in one minute. At 60 pictures a second these are
/// 3,600 rows, of 13 KiB each before a partition is too large; an hour would be 216,000.
pub fn minute(of: &str, time_us: i64) -> String {
    format!("{of}/{}", time_us.div_euclid(MINUTE_US))
}

/// The partition of what is kept of a camera about once an hour.
pub fn camera_hour(camera: &str, time_us: i64) -> String {
    format!("{camera}/{}", time_us.div_euclid(HOUR_US))
}

/// The partition of what clips show of a camera in one second: of the largest pictures, 3 MB each, sixteen would be its bound,
/// and the cloaker records fewer.
pub fn camera_second(camera: &str, time_us: i64) -> String {
    format!("{camera}/{}", time_us.div_euclid(SECOND_US))
}

/// The partition of a camera's stills, and of what is known of its clips: what a frame's own name tells, so that a still is found by it.
pub fn still_block(frame: &v1::FrameId) -> String {
    format!("{}/{:x}/{:x}", frame.camera, frame.epoch, frame.seq / STILLS)
}

/// Which block of its sequence a place is in. Blocks are in the order of places, whatever bytes these are; a sequence
/// number's place is eight bytes, most significant first.
pub fn sequence_block(place: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(place).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first) / SEQUENCE
}

/// The place of a frame within its partition.
pub fn frame_place(frame: &v1::FrameId) -> Vec<u8> {
    [[frame.role as u8].as_slice(), &frame.epoch.to_be_bytes(), &frame.seq.to_be_bytes()].concat()
}

/// The place of a picture within its second.
fn clip_place(time_us: i64, frame: Option<&v1::FrameId>) -> Vec<u8> {
    [time_us.to_be_bytes().as_slice(), &frame.map(frame_place).unwrap_or_default()].concat()
}

/// When retention begins to count: recorded footage that is played fast is of the year 2000 by its own time, and is kept
/// as long as everything else.
fn kept_from(time_us: i64, received_us: i64) -> i64 {
    time_us.max(received_us)
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
    Detections in DETECTIONS, partition |m| minute(m.key(), m.time_us),
        sort |m| {
            let mut place = m.frame.as_ref().map(frame_place).unwrap_or_default();
            // An answer to a heartbeat names the last frame seen, and must not replace that frame's own row.
            if m.outcome() == v1::Outcome::Time {
                place.extend(m.time_us.to_be_bytes());
            }
            place
        }, time |m| kept_from(m.time_us, m.received_us);
    RuleState in RULE_STATES, partition |m| camera_hour(&m.camera, m.time_us),
        sort |m| {
            let mut place = m.frame.as_ref().map(frame_place).unwrap_or_default();
            place.extend(m.time_us.to_be_bytes());
            place
        }, time |m| m.time_us;
    Anomaly in ANOMALIES, partition |m| minute(&m.site, m.time_us),
        sort |m| event_place(m.time_us, &m.id), time |m| kept_from(m.time_us, m.received_us);
    Identity in IDENTITIES, partition |m| minute(&m.site, m.time_us),
        sort |m| event_place(m.time_us, &m.id), time |m| m.time_us;
    Alert in ALERTS, partition |m| m.partition.to_string(),
        sort |m| m.sequence.to_be_bytes().to_vec(), time |m| m.written_us;
    Verdict in VERDICTS, partition |m| format!("{}/{}", m.rule, m.camera),
        sort |m| m.alert.as_bytes().to_vec(), time |m| m.time_us;
    LogEntry in LOG, partition |m| m.partition.to_string(),
        sort |m| m.sequence.to_be_bytes().to_vec(), time |m| m.time_us;
    Clip in CLIPS, partition |m| m.frame.as_ref().map(still_block).unwrap_or_default(),
        sort |m| m.frame.as_ref().map(frame_place).unwrap_or_default(),
        time |m| kept_from(m.time_us, m.received_us);
    Cloaked in CLIP_PICTURES,
        partition |m| camera_second(m.frame.as_ref().map_or("", |frame| &frame.camera), m.time_us),
        sort |m| clip_place(m.time_us, m.frame.as_ref()), time |m| kept_from(m.time_us, m.received_us);
    Still in STILLS, partition |m| m.frame.as_ref().map(still_block).unwrap_or_default(),
        sort |m| m.frame.as_ref().map(frame_place).unwrap_or_default(),
        time |m| kept_from(m.time_us, m.received_us);
}
