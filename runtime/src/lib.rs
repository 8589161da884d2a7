//! What every stage runs on, in reading order: what a stage is, what it says, what carries and keeps that, what
//! drives it, and what surrounds a process.

pub mod stage;
pub mod collector;
pub mod captured;
pub mod tables;
pub mod bus;
pub mod store;
pub mod context;
pub mod lifecycle;
pub mod still;
pub mod config;
pub mod access;
pub mod audit;
pub mod keys;
pub mod infer;
pub mod telemetry;
pub mod health;
pub mod runner;
mod database;
#[cfg(feature = "testkit")]
pub mod contract;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use captured::{Captured, CutChip, WithPicture};
pub use collector::Collector;
pub use context::{Context, Server, Source};
pub use lifecycle::Lifecycle;
pub use stage::{Clock, Fatal, Input, Key, Poison, Snapshot, Stage, StreamTime};
pub use tables::Tables;
