//! The command line of a stage's own binary, and what every command shares.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::{Part, config, run};

/// Exit code of a configuration that is wrong (EX_USAGE of sysexits.h).
pub const USAGE: u8 = 64;

/// How long what still runs at the end may take.
const LAST: Duration = Duration::from_secs(2);

/// One stage of a Cortex fleet. Bus and store are shared with the others; `cortex` has the other commands.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Options {
    /// Configuration file, the same for every stage; without one the defaults hold.
    #[arg(short, long, env = "CORTEX_CONFIG")]
    config: Option<PathBuf>,
}

/// The whole of a stage's own binary: runs it until a signal or a failure.
pub fn main(binary: &'static str, part: Part) -> ExitCode {
    let options = match Options::from_arg_matches(&Options::command().name(binary).get_matches()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    let config = match config::load(options.config.as_deref()) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(USAGE);
        }
    };
    match block_on(run(part, config, options.config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{binary}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `work` on a runtime of its own.
///
/// # Errors
/// What `work` ended with, or there is no runtime.
pub fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(work);
    // Clients of servers have threads of their own, which must not run on while the libraries under them are taken down.
    // What is stuck was named already, and does not hold the exit up for longer.
    runtime.shutdown_timeout(LAST);
    outcome
}
