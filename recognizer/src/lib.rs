//! The recognizer: who of the few people enrolled is in the picture. Off until it is switched on.
//!
//! - **Reads** `chips`, and `detections` for the ends of tracks; by camera.
//! - **Writes** `identities`, known and unknown, and `anomalies` for people who are watched for.
//! - **Stores** both, and an audit row before a match is published.
//! - **Drops** chips below the width gate: too poor to tell.
//! - **Knobs**: [`Config`].
//!
//! Messages carry ids, never names and never vectors. A snapshot holds what was decided, no vectors: after a restart a
//! track begins to be looked at anew, and is not told twice.

mod enrol;
mod error;
mod gallery;
mod hands;
pub mod import;
mod model;
mod part;
mod quality;
mod stage;
mod track;

pub use cortex_runtime::config::Recognizer as Config;
pub use enrol::{Embedded, Enroller};
pub use error::Error;
pub use gallery::{Gallery, Match, Person};
pub use hands::Hands;
pub use model::{Embedding, Model};
pub use part::{PART, gallery, spawn, start};
pub use quality::{Flaw, flaws, rivals};
pub use stage::{Audit, Input, Recognizer};
pub use track::Views;
