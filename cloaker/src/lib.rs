//! The cloaker: nothing that faces people shows a face.
//!
//! - **Reads** `frames` and `detections`, joined by frame, and `demand` as a table; by camera.
//! - **Writes** `cloaked` while somebody looks, `status` once a second.
//! - **Stores** the cloaked still of every frame marked `keep`; around every frame marked `fired`, and around those that a
//!   `demand` names, a clip.
//! - **Drops** frames that the detector passed over: only a frame with a result leaves.
//! - **Knobs**: [`Config`].
//!
//! Default-deny: every face is redacted, and the head part of every person without a matched face, seen or coasting.
//! Where one was seen stays redacted for [`Config::hold_s`], grown with its speed, unless a newer sighting nearby takes
//! its place; where a coasting track is believed to be is redacted on top. After a cold start (no snapshot, one older
//! than that, or a new epoch after a gap) whole pictures are redacted for three seconds; without results for two seconds
//! one fully redacted picture goes out, with the reason. Pictures wait for their result [`Config::held_s`] at most.
//!
//! While something is tracked, pictures as in the live view wait in memory ([`Config::clip_mib`]) for an alert; those of
//! [`Config::clip_before_s`] are stored then, and what comes in [`Config::clip_after_s`]. After a restart the ring is empty,
//! and what was being recorded goes on.

mod clip;
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
