//! The recognizer: who of the few people enrolled is in the picture. Off until it is switched on.
//!
//! - **Reads** `chips`, and `detections` for the ends of tracks; by camera.
//! - **Writes** `identities` (confirmed, candidate, rejected, too poor to tell) and `anomalies` for lists that raise them, for
//!   which a `demand` asks for the clip.
//! - **Stores** both, where people were recognised, matches that two people must confirm with the face that was seen
//!   (sealed), and an audit row before anything of a match is published.
//! - **Drops** chips below the width gate: too poor to tell.
//! - **Knobs**: [`Config`].
//!
//! Only people of watch-lists in force are ever compared with anybody; on none, nobody is searched for and nothing is
//! told. Messages carry ids, never names and never vectors. What is known of a person is sealed with their own key, so
//! that destroying it erases them everywhere. A snapshot holds what was decided, no vectors: after a restart a track
//! begins to be looked at anew, and is not told twice.

mod check;
mod enrol;
mod error;
mod gallery;
mod hands;
pub mod import;
mod matches;
mod model;
mod part;
mod quality;
mod service;
mod sightings;
mod stage;
mod strangers;
mod told;
mod track;
mod watchlist;

pub use cortex_runtime::config::Recognizer as Config;
pub use enrol::{Embedded, Enroller};
pub use error::Error;
pub use gallery::{Cards, Gallery, Hit, Index, Known, Listed, Match, Person, Scale, Search, Template};
pub use hands::recognition;
pub use model::{Embedding, Model};
pub use part::{PART, gallery, spawn, start};
pub use stage::{Audit, Audited, Input, Recognizer};
pub use strangers::{Met, Strangers};
pub use track::Views;
