//! The detector: what is in the picture, where it goes, and which rules it breaks.
//!
//! - **Reads** `frames`, by camera.
//! - **Writes** `detections` for every frame it takes, in order, and for a heartbeat while a track or a timer is
//!   alive; `anomalies` when a rule fires; `chips` while recognition is on and a track's best view improves; `demand`
//!   while something is tracked; `status` once a second; `analytics` once a second and partition where [`Config::analytics`] says so.
//! - **Stores** detections and anomalies; what the rules remember, once a camera-hour, at every start and after every
//!   change.
//! - **Drops** frames whose (epoch, n) is not above the last.
//! - **Knobs**: [`Config`].
//!
//! Bodies are looked at and the scene is learnt only while a rule asks. The body model is loaded with the first picture
//! in which it does; the scene's memory is not in the snapshot, so a restart learns it anew.
//!
//! Rules read nothing but the `detections` message, so stored detections replay to the same answers from any stored
//! state on.

mod changes;
mod chip;
mod cues;
mod demand;
mod error;
mod faces;
mod load;
mod model;
mod object;
mod part;
mod pose;
mod seconds;
mod stage;
mod states;
mod track;

pub use chip::quality;
pub use cortex_runtime::config::Detector as Config;
pub use error::Error;
pub use model::{Models, Seen};
pub use part::{PART, spawn, start};
pub use stage::{Detector, Input};
pub use track::assign::assign;
