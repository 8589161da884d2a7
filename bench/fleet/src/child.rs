//! A contender as a child process, and the CPU time that it took.

use std::{
    fs,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, bail, ensure};

/// What `/proc` counts CPU time in; Linux says 100 a second to every program, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a child took and printed.
#[derive(Debug)]
pub struct Ran {
    /// User and system time of the process and its children, start-up included.
    pub cpu_seconds: f64,
    /// By the clock on the wall.
    pub wall_seconds: f64,
    /// Its standard output.
    pub output: String,
}

/// Runs `command` to its end; its standard error goes to ours when it fails.
///
/// # Errors
/// It cannot be started, or it failed.
pub fn run(mut command: Command) -> anyhow::Result<Ran> {
    let shown = format!("{command:?}");
    let (before, start) = (children_cpu_seconds()?, Instant::now());
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))?;
    let (cpu_seconds, wall_seconds) = (children_cpu_seconds()? - before, start.elapsed().as_secs_f64());
    if !output.status.success() {
        bail!("{shown} failed, {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(Ran { cpu_seconds, wall_seconds, output: String::from_utf8(output.stdout)? })
}

/// CPU time of all children that were waited for, with a step of 10 ms.
fn children_cpu_seconds() -> anyhow::Result<f64> {
    cpu_seconds(&fs::read_to_string("/proc/self/stat")?)
}

/// CPU time of a running process, with a step of 10 ms.
///
/// # Errors
/// It has ended.
pub fn cpu_seconds_of(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    fields(&fs::read_to_string(&path).with_context(|| format!("read {path}"))?, 11)
}

/// Resident memory of a running process in MiB.
///
/// # Errors
/// It has ended.
pub fn memory_mib(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no memory is told")?;
    Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

/// Entries of a folder of a running process under `/proc`: its threads are `task`, its files `fd`.
///
/// # Errors
/// It has ended.
pub fn count(process: u32, folder: &str) -> anyhow::Result<usize> {
    let path = format!("/proc/{process}/{folder}");
    Ok(fs::read_dir(&path).with_context(|| format!("read {path}"))?.count())
}

/// Processes of Java: the servers.
///
/// # Errors
/// `/proc` cannot be read.
pub fn java_processes() -> anyhow::Result<Vec<u32>> {
    let ids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let java =
        |id: &u32| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "java");
    Ok(ids.filter(java).collect())
}

/// `cutime` and `cstime` of a line of proc_pid_stat(5), in seconds.
fn cpu_seconds(stat: &str) -> anyhow::Result<f64> {
    fields(stat, 13)
}

/// The sum of two times of a line of proc_pid_stat(5), the first at this place behind the name, in seconds.
fn fields(stat: &str, first: usize) -> anyhow::Result<f64> {
    // The program's name is in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("a line of /proc has no name")?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    ensure!(fields.len() > first + 1, "a line of /proc is short");
    let ticks: f64 = fields[first].parse::<f64>()? + fields[first + 1].parse::<f64>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_counted_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 10 20 150 250 20 0 1 0 5";
        assert_eq!(cpu_seconds(stat).expect("it is whole"), 4.0);
        assert_eq!(fields(stat, 11).expect("it is whole"), 0.3);
    }

    #[test]
    fn what_a_child_burns_is_seen() {
        let mut busy = Command::new("sh");
        busy.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo $i"]);
        let ran = run(busy).expect("there is a shell");
        assert_eq!(ran.output, "300000\n");
        assert!(ran.cpu_seconds > 0.0 && ran.wall_seconds > 0.0, "{ran:?}");
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo no >&2; exit 3"]);
        assert!(run(fails).expect_err("it fails").to_string().contains("no"));
    }
}
