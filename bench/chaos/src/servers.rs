//! A Kafka and a CQL server of the harness's own, because it kills them. `scripts/servers.sh` starts them, and starts again
//! what was killed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Running servers. Dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    script: PathBuf,
    folder: PathBuf,
    copies: u32,
    told: BTreeMap<String, String>,
}

impl Servers {
    /// Starts so many of each, with everything they write in `folder`.
    pub(crate) fn start(script: &Path, folder: &Path, copies: u32) -> anyhow::Result<Self> {
        let mut servers =
            Self { script: script.to_owned(), folder: folder.to_owned(), copies, told: BTreeMap::new() };
        servers.revive()?;
        Ok(servers)
    }

    /// Starts those that died, and waits until they answer.
    pub(crate) fn revive(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.script);
        let output = command.arg("up").arg(&self.folder).arg(self.copies.to_string()).output()?;
        ensure!(output.status.success(), "servers: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout)?;
        let told = said.lines().filter_map(|line| line.split_once('='));
        self.told = told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(())
    }

    /// The processes of all of them.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let folders =
            fs::read_dir(&self.folder)?.filter_map(Result::ok).map(|entry| entry.path().join("pid"));
        folders.filter(|pid| pid.is_file()).map(|pid| Ok(fs::read_to_string(pid)?.trim().parse()?)).collect()
    }

    /// Ends one as a power cut would. The first is called by its kind, others `kafka-2`, `cassandra-3`.
    pub(crate) fn kill(&self, server: &str) -> anyhow::Result<()> {
        let path = self.folder.join(server).join("pid");
        let id = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        ensure!(Command::new("kill").args(["-9", id.trim()]).status()?.success(), "{server} does not run");
        Ok(())
    }

    /// `host:port` of the brokers, with commas between.
    pub(crate) fn kafka(&self) -> anyhow::Result<&str> {
        self.told("CORTEX_TEST_KAFKA")
    }

    /// `host:port` of the CQL servers, with commas between.
    pub(crate) fn cql(&self) -> anyhow::Result<&str> {
        self.told("CORTEX_TEST_CQL")
    }

    fn told(&self, name: &str) -> anyhow::Result<&str> {
        Ok(self.told.get(name).with_context(|| format!("servers.sh tells no {name}"))?)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // What does not stop here ends with the machine, and its folder says which process it is.
        drop(Command::new(&self.script).arg("down").arg(&self.folder).status());
    }
}
