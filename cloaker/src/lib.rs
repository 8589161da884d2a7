//! The cloaker: nothing that faces people shows a face.
//!
//! - **Reads** `frames` and `detections`, joined by frame, and `demand` as a table; by camera.
//! - **Writes** `cloaked` while somebody looks, `status` once a second.
//! - **Stores** the cloaked still of every frame marked `keep`.
//! - **Drops** frames that the detector passed over: only a frame with a result leaves.
//! - **Knobs**: [`Config`].
//!
//! Default-deny: every face is redacted, and the head part of every person without a matched face, seen or coasting.
//! Both stay redacted for [`Config::hold_s`] after they were last seen, grown with their speed. Without a snapshot
//! whole pictures are redacted for the first seconds; without results for two seconds one fully redacted picture goes
//! out, with the reason.

mod config;
mod error;
mod join;
mod mask;
mod redact;
mod regions;
mod stage;

pub use config::{Config, Style};
pub use error::Error;
pub use mask::{Region, mask};
pub use redact::Redactor;
pub use stage::{Cloaker, Input};
