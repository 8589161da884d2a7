//! Which cores threads and processes run on.

use std::{fs, process::Command};

use anyhow::{Context, ensure};

const TRIES: usize = 10;

/// Keeps the calling thread, and the threads and processes that it starts from now on, on one core.
///
/// # Errors
/// There is no such core, or no `taskset`.
pub fn pin(core: usize) -> anyhow::Result<()> {
    let thread = fs::read_link("/proc/thread-self")?;
    let id = thread.file_name().and_then(|id| id.to_str()).context("a thread has a number")?;
    taskset(&["--cpu-list", "--pid", &core.to_string(), id])
}

/// Keeps all threads of a process on these cores, as `0`, `1,3` or `0-7`.
///
/// # Errors
/// There are no such cores, no such process, or no `taskset`.
pub fn pin_process(process: u32, cores: &str) -> anyhow::Result<()> {
    let process = process.to_string();
    let pin = || taskset(&["--all-tasks", "--cpu-list", "--pid", cores, &process]);
    // It fails when a thread ends while it goes through them.
    (1..TRIES).map(|_| pin()).find(Result::is_ok).unwrap_or_else(pin)
}

fn taskset(words: &[&str]) -> anyhow::Result<()> {
    let done = Command::new("taskset").args(words).output();
    let done = done.context("cannot start taskset; it is in Debian's util-linux")?;
    ensure!(done.status.success(), "taskset {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr));
    Ok(())
}
