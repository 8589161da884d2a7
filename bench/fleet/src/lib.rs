//! Cortex's processes as benchmarks and fault runs start them, watch them and end them.

pub mod affinity;
pub mod child;

mod fleet;

pub use fleet::{Fleet, Running, Servers};
