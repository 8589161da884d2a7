//! What a run gave, as JSON for machines and a table for people.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

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

/// Writes the table of the last result of every fault.
pub(crate) fn table(path: &Path, reports: &BTreeMap<Fault, Report>) -> anyhow::Result<()> {
    let mut text = String::from(
        "# Faults: the last result of each\n\n\
         Written by `cortex-chaos` (`scripts/chaos.sh`), not by hand. A `+` behind a commit: with changes on top of it.\n\n\
         | fault | what | verdict | commit | seed | took |\n|---|---|---|---|---|---|\n",
    );
    for (fault, report) in reports {
        let missed: Vec<&str> =
            report.checks.iter().filter(|check| !check.met).map(|check| check.name.as_str()).collect();
        let verdict = match (report.met(), report.failed.is_empty()) {
            (true, _) => "met".to_owned(),
            (false, true) => format!("**missed**: {}", missed.join(", ")),
            (false, false) => "**not finished**".to_owned(),
        };
        writeln!(
            text,
            "| {fault:?} | {} | {verdict} | {} | {} | {} s |",
            report.what, report.commit, report.seed, report.took_s
        )?;
    }
    for (fault, report) in reports {
        writeln!(text, "\n## {fault:?}: {}\n", report.what)?;
        writeln!(
            text,
            "{} cameras, {} pictures a second each; binary {}.\n",
            report.cameras, report.rate, report.binary
        )?;
        if !report.failed.is_empty() {
            writeln!(text, "Not finished: {}\n", report.failed)?;
        }
        for Check { name, met, figures } in &report.checks {
            writeln!(text, "- {} {name}: {figures}", if *met { "met" } else { "**missed**" })?;
        }
    }
    Ok(fs::write(path, text)?)
}
