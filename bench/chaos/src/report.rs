//! What a run gave, as JSON for machines and a table for people.

use std::{fmt::Write as _, fs, io::ErrorKind, path::Path, process::Command};

use anyhow::Context as _;
use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    judge::{Check, Switches},
};

/// One run's outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) fault: Fault,
    pub(crate) what: String,
    pub(crate) seed: u64,
    pub(crate) commit: String,
    /// The beginning of the SHA-256 of Cortex's binary, which may be older than the commit.
    pub(crate) binary: String,
    pub(crate) cameras: u16,
    pub(crate) rate: f32,
    /// Seconds that the run took.
    pub(crate) took_s: u64,
    pub(crate) switches: Option<Switches>,
    /// What holds; none when the run itself failed.
    pub(crate) checks: Vec<Check>,
    /// Why the run could not be finished; empty when it was.
    pub(crate) failed: String,
}

impl Report {
    pub(crate) fn met(&self) -> bool {
        self.failed.is_empty() && self.checks.iter().all(|check| check.met)
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        Ok(fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)?)?)
    }

    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join("report.json")).ok()?).ok()
    }
}

/// The commit that is checked out, marked when something was changed since.
pub(crate) fn commit() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    // The table itself is written by every run.
    let others = ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/chaos/RESULTS.md"];
    let clean = git(&others).is_some_and(|changes| changes.is_empty());
    if clean { hash } else { format!("{hash}+") }
}

/// Puts a result into the file of the last result of every fault; those of others stay as they are, whichever machine they
/// are of.
pub(crate) fn put(path: &Path, report: &Report) -> anyhow::Result<()> {
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("read {}", path.display()))?,
    };
    Ok(fs::write(path, merged(&before, report)?)?)
}

const HEAD: &str = "# Faults: the last result of each\n\n\
    Written by `cortex-chaos` (`scripts/chaos.sh`), not by hand. A `+` behind a commit: with changes on top of it.\n\n\
    | fault | what | verdict | commit | seed | took |\n|---|---|---|---|---|---|\n";

/// The file with this result in it.
fn merged(before: &str, report: &Report) -> anyhow::Result<String> {
    let (mut rows, mut sections) = (String::new(), String::new());
    for fault in Fault::value_variants() {
        if *fault == report.fault {
            rows += &row(report);
            sections += &section(report)?;
            continue;
        }
        let (row, heading) = (format!("| {fault:?} |"), format!("{fault:?}: "));
        rows.extend(before.lines().filter(|line| line.starts_with(&row)).map(|line| format!("{line}\n")));
        let kept = before.split("\n## ").skip(1).filter(|section| section.starts_with(&heading));
        sections.extend(kept.map(|section| format!("\n## {}\n", section.trim_end())));
    }
    Ok(format!("{HEAD}{rows}{sections}"))
}

fn row(report: &Report) -> String {
    let missed: Vec<&str> =
        report.checks.iter().filter(|check| !check.met).map(|check| check.name.as_str()).collect();
    let verdict = match (report.met(), report.failed.is_empty()) {
        (true, _) => "met".to_owned(),
        (false, true) => format!("**missed**: {}", missed.join(", ")),
        (false, false) => "**not finished**".to_owned(),
    };
    let Report { fault, what, commit, seed, took_s, .. } = report;
    format!("| {fault:?} | {what} | {verdict} | {commit} | {seed} | {took_s} s |\n")
}

fn section(report: &Report) -> Result<String, std::fmt::Error> {
    let Report { fault, what, cameras, rate, binary, .. } = report;
    let mut text = format!(
        "\n## {fault:?}: {what}\n\n{cameras} cameras, {rate} pictures a second each; binary {binary}.\n\n"
    );
    if !report.failed.is_empty() {
        writeln!(text, "Not finished: {}", report.failed)?;
    }
    for Check { name, met, figures } in &report.checks {
        writeln!(text, "- {} {name}: {figures}", if *met { "met" } else { "**missed**" })?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fault: Fault, figures: &str) -> Report {
        Report {
            fault,
            what: "what it does".into(),
            seed: 1,
            commit: "c".into(),
            binary: "b".into(),
            cameras: 4,
            rate: 3.0,
            took_s: 9,
            switches: None,
            checks: vec![Check { name: "stall".into(), met: true, figures: figures.into() }],
            failed: String::new(),
        }
    }

    #[test]
    fn a_result_takes_the_place_of_the_last_one_and_of_no_other() {
        let first = merged("", &report(Fault::F10, "ten")).unwrap();
        let both = merged(&first, &report(Fault::F1, "one")).unwrap();
        let again = merged(&both, &report(Fault::F10, "ten again")).unwrap();
        assert_eq!(again, both.replace("stall: ten", "stall: ten again"));
        let rows: Vec<&str> = again.lines().filter(|line| line.starts_with("| F")).collect();
        assert!(rows.len() == 2 && rows[0].starts_with("| F1 |") && rows[1].starts_with("| F10 |"));
        let committed = include_str!("../RESULTS.md");
        let calm = merged(committed, &report(Fault::Calm, "calm")).unwrap();
        assert_eq!(calm.split("\n## F1: ").nth(1), committed.split("\n## F1: ").nth(1));
    }
}
