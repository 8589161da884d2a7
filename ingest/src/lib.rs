//! Ingest: cameras to frames.
//!
//! - **Reads** the control plane (`cameras`), and `demand`, of which the newest word counts.
//! - **Writes** `frames`: pictures at the camera's rate, newest wins, and a heartbeat once a second without one;
//!   `anomalies` when a camera is offline and when it has recovered, over restarts too, and when its picture is not what
//!   it should be ([`Fault`]); `status` once a second.
//! - **Stores** those anomalies, and which cameras were told to be offline.
//! - **Drops** what the rate leaves out (`rate`), what comes more than two seconds late after a stall (`late`), and of a
//!   camera in whose picture nothing moves what is never decoded (`idle`) and key frames like the ones before
//!   (`unchanged`): counted by reason in every frame and never given an `n`.
//! - **Knobs**: [`Config`].
//!
//! A camera is one thread that supervises and one GStreamer pipeline. It is rebuilt after an error, an end of stream or
//! a stall, with a back-off that grows, is capped and jittered. Nothing that happens to one camera stops another.
//!
//! Stream time is this machine's clock at the quickest picture so far, carried on by the stream's own time; where the
//! camera tells its clock (RTCP sender reports) and that is within two seconds of this machine's, it is the camera's.

mod backoff;
mod camera;
mod clock;
mod coding;
mod decoder;
mod demand;
mod detail;
mod early;
mod error;
mod feed;
mod grid;
mod health;
mod idle;
mod length;
mod outage;
mod outlet;
mod part;
mod pictures;
mod pipeline;
mod probe;
mod recorder;
mod report;
mod rtsp;
mod siblings;
mod source;
mod web;

pub use camera::Credentials;
pub use cortex_runtime::config::Ingest as Config;
pub use error::Error;
pub use feed::RECORDED_US;
pub use health::{Fault, Health, News};
pub use length::pictures_in;
pub use part::{Hands, PART, credentials, start};
pub use pipeline::has_element;
pub use probe::probe;
pub use recorder::Recorder;
pub use source::Ingest;
