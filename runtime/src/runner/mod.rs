//! Drives a stage: polls, batches, infers, applies, ticks, and carries out what the stage said. It owns sinks,
//! snapshots, commits, dead letters and panics, so a stage owns none of them.

mod away;
mod behind;
mod errand;
mod keys;
mod sinks;
mod takeover;
mod worker;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    context::Context,
    stage::{Fatal, Stage},
};

/// How a stage is driven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Inputs inferred at once, over all cameras.
    pub batch_count: usize,
    /// Pictures inferred at once, in MiB.
    pub batch_mib: usize,
    /// How long a batch waits for more, in milliseconds. 0 takes what is there: on a CPU a batch gains nothing.
    pub batch_age_ms: u64,
    /// Threads of each stage; each owns a share of the partitions.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { batch_count: 8, batch_mib: 64, batch_age_ms: 0, workers: 1 }
    }
}

impl Config {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.batch_count == 0 || self.batch_mib == 0 {
            wrong.push("`runner.batch_count` and `runner.batch_mib` must be at least 1".to_owned());
        }
        if self.workers == 0 || self.workers > cortex_proto::topics::PARTITIONS as usize {
            wrong.push("`runner.workers` must be 1 to 64, the number of partitions".to_owned());
        }
        wrong
    }
}

/// What the wall clock says, in microseconds since 1970. A value, so that tests can set it.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Drives one stage on `config.workers` threads; `make` builds the stage of each. Returns once the threads run;
/// the lifecycle ends them.
pub fn spawn<S: Stage>(
    context: &Context,
    config: &Config,
    mut make: impl FnMut() -> Result<S, Fatal>,
) -> Result<(), Fatal> {
    for worker in 0..config.workers {
        let worker = worker::Worker::new(make()?, context.clone(), config.clone(), &worker.to_string())?;
        let name = format!("{}-{}", S::NAME, worker.name());
        context.lifecycle.thread(&name, move || worker.run());
    }
    Ok(())
}

/// The clock of this machine.
pub fn wall_clock() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_micros() as i64)
}

/// At most one snapshot of a changed key in this time; a decision is in one at the end of its batch.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

/// How often a worker tells what waits for it.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// How long a poll waits when nothing comes, so that snapshots and clocks go on.
const IDLE: Duration = Duration::from_millis(100);

/// The same while something is being carried out: so late a new input may be seen.
const GLANCE: Duration = Duration::from_millis(5);
