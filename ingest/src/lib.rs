//! Ingest: cameras to frames.
//!
//! - **Reads** the control plane (`cameras`) and `demand`.
//! - **Writes** `frames`: pictures at the camera's rate, newest wins, and a heartbeat once a second without one;
//!   `anomalies` when a camera is offline and when it has recovered; `status` once a second.
//! - **Stores** those anomalies.
//! - **Drops** what the rate leaves out and what comes late after a stall, both counted in every frame.
//! - **Knobs**: [`Config`].
//!
//! A camera is one thread that supervises and one GStreamer pipeline. It is rebuilt after an error, an end of stream or
//! a stall, with a back-off that grows, is capped and jittered. Nothing that happens to one camera stops another.

mod address;
mod backoff;
mod camera;
mod config;
mod error;
mod feed;
mod network;
mod outage;
mod pipeline;
mod probe;
mod source;

pub use address::Policy;
pub use camera::Credentials;
pub use config::Config;
pub use error::Error;
pub use feed::RECORDED_US;
pub use pipeline::has_element;
pub use probe::probe;
pub use source::Ingest;
