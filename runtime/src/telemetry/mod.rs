//! What a process says about itself: logs, metrics, traces.

mod stage;

pub use stage::StageMetrics;
