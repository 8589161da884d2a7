//! The stage as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    cortex_process::main(env!("CARGO_BIN_NAME"), cortex_alerter::PART)
}
