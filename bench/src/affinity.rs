//! Which core a thread runs on.

use std::{fs, process::Command};

use anyhow::{Context, ensure};

/// Keeps the calling thread, and the threads that it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let thread = fs::read_link("/proc/thread-self")?;
    let id = thread.file_name().context("a thread has a number")?;
    let done = Command::new("taskset").args(["--cpu-list", "--pid", &core.to_string()]).arg(id).output();
    let done = done.context("cannot start taskset; it is in Debian's util-linux")?;
    ensure!(done.status.success(), "cannot pin to core {core}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
