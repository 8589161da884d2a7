//! The cloaker: nothing that faces people shows a face.
//!
//! - **Reads** `frames` and `detections`, joined by frame, and `demand` as a table; by camera.
//! - **Writes** `cloaked` while somebody looks, `status` once a second.
//! - **Stores** the cloaked still of every frame marked `keep`.
//! - **Drops** frames that the detector passed over: only a frame with a result leaves.
//! - **Knobs**: [`Config`].
//!
//! Default-deny: every face is redacted, and the head part of every person without a matched face, seen or coasting.
//! Where one was seen stays redacted for [`Config::hold_s`], grown with its speed, unless a newer sighting nearby takes
//! its place; where a coasting track is believed to be is redacted on top. After a cold start (no snapshot, one older
//! than that, or a new epoch after a gap) whole pictures are redacted for three seconds; without results for two seconds
//! one fully redacted picture goes out, with the reason. Pictures wait for their result [`Config::held_s`] at most.

mod error;
mod join;
mod mask;
mod part;
mod redact;
mod regions;
mod stage;

pub use cortex_runtime::config::{Cloaker as Config, Style};
pub use error::Error;
pub use mask::{Region, mask};
pub use part::{Hands, PART, spawn};
pub use redact::Redactor;
pub use stage::{Cloaker, Input};
