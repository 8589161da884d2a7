//! What every stage runs on, in reading order: what a stage is, what it says, what carries and keeps that, what
//! drives it, and what surrounds a process.

pub mod access;
pub mod audit;
pub mod bus;
pub mod captured;
pub mod collector;
pub mod config;
pub mod context;
#[cfg(feature = "testkit")]
pub mod contract;
mod database;
pub mod health;
pub mod keys;
pub mod lifecycle;
pub mod runner;
pub mod stage;
pub mod still;
pub mod store;
pub mod tables;
pub mod telemetry;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use captured::{Captured, CutChip, WithPicture};
pub use collector::Collector;
pub use context::{Context, Server, Source};
pub use lifecycle::Lifecycle;
pub use stage::{Clock, Fatal, Input, Key, Poison, Snapshot, Stage, StreamTime};
pub use tables::Tables;
