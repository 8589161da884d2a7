//! Facts as columns: what analysts read, from topic `analytics` and from the files that `cortex export` writes.
//!
//! A schema is published: its name is in its metadata under [`SCHEMA`], and everything about it in `docs/analytics.md`.
//! While the name stays, columns are only added, at the end; anything else is a new name, and a topic beside the old one.
//! No column holds a picture, a vector or a person.

mod anomalies;
mod batch;
mod detections;
mod table;

pub use anomalies::Anomalies;
pub use batch::Batch;
pub use detections::Detections;
pub use table::{SCHEMA, Table};

#[cfg(test)]
mod tests;
