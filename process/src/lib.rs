//! What a process is, whatever runs in it: one configuration file, the engines that it names, one port, and an end in
//! which nothing is lost.
//!
//! A [`Part`] is what runs: one stage of a fleet, or everything. It is linked into the binary that runs it, and this
//! crate knows none of them, so that a binary has only what its stage needs. Every binary reads the whole file.

mod call;
mod command;
pub mod config;
mod engines;
mod listener;
pub mod print;
mod recognition;
mod run;

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use cortex_runtime::{Context, Fatal, access::Access, audit::Auditor, telemetry::Telemetry};

pub use call::{Call, Lazy, MOST_BYTES, Peer, as_caller, here};
pub use command::{USAGE, block_on, main};
pub use config::Config;
pub use recognition::Recognition;
pub use run::run;

/// What runs in a process.
#[derive(Clone, Copy)]
pub struct Part {
    /// The stage's word; that of the whole for everything.
    pub name: &'static str,
    /// It is one stage of a fleet, so bus and store are shared with other processes.
    pub alone: bool,
    /// Alerts are not shown on the terminal.
    pub quiet: bool,
    /// Starts it.
    pub start: fn(&Process) -> anyhow::Result<Served>,
}

/// A process while it starts.
pub struct Process {
    /// The whole configuration.
    pub config: Config,
    /// Where it was read from; none for the defaults.
    pub file: Option<PathBuf>,
    /// The engines, the control plane, and when to end.
    pub context: Context,
    /// This process's part of the audit.
    pub audit: Auditor,
    /// Who may call what.
    pub access: Access,
    /// What runs in it.
    pub part: Part,
    telemetry: Telemetry,
}

/// What a process answers besides health and metrics.
#[derive(Default)]
pub struct Served {
    /// Its routes. Nothing of them is reached without a credential, except the login.
    pub router: Router,
    /// People log in here.
    pub login: bool,
}

impl Part {
    /// A stage as a process of its own.
    pub const fn stage(name: &'static str, start: fn(&Process) -> anyhow::Result<Served>) -> Self {
        Self { name, alone: true, quiet: true, start }
    }
}

impl Process {
    /// The clock on the wall, for what takes one.
    pub fn clock(&self) -> cortex_runtime::runner::WallClock {
        Arc::new(cortex_runtime::runner::wall_clock)
    }
}

/// What a stage or a reader could not do, as an error of the process.
pub fn fatal(fatal: Fatal) -> anyhow::Error {
    anyhow::Error::msg(fatal.reason)
}
