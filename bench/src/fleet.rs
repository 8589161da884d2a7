//! Cortex's processes, alone or on servers that run already.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::Args;

use crate::child;

/// Where the servers are; `scripts/servers.sh run COMMAND` starts some.
#[derive(Args, Clone, Debug)]
pub(crate) struct Servers {
    /// Address of a Kafka, as host:port
    #[arg(long, env = "CORTEX_TEST_KAFKA")]
    pub(crate) kafka: String,
    /// Address of a CQL server that takes `cassandra` as user and password
    #[arg(long, env = "CORTEX_TEST_CQL")]
    pub(crate) cql: String,
}

/// The processes of one deployment; each keeps its data in a folder of its name.
pub(crate) struct Fleet<'a> {
    pub(crate) cortex: &'a Path,
    pub(crate) config: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) servers: &'a Servers,
    /// What its topics and keyspace are called.
    pub(crate) name: String,
}

/// A process that ends with its owner.
pub(crate) struct Running {
    child: Child,
    /// Host and port that it listens on.
    pub(crate) address: String,
}

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(120);

impl Fleet<'_> {
    /// A command on embedded engines.
    pub(crate) fn alone(&self, name: &str) -> Command {
        let mut command = Command::new(self.cortex);
        command
            .arg("--config")
            .arg(self.config)
            .env("CORTEX__DATA__DIR", self.folder.join(name))
            .env("CORTEX__LISTEN__ADDRESS", "127.0.0.1:0");
        command
    }

    /// `kafka://` of its topics.
    pub(crate) fn bus(&self) -> String {
        format!("kafka://{}/{}", self.servers.kafka, self.name)
    }

    /// `scylla://` of its keyspace.
    pub(crate) fn store(&self) -> String {
        format!("scylla://cassandra@{}/{}", self.servers.cql, self.name)
    }

    /// A command on the servers.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = self.alone(name);
        command
            .env("CORTEX__BUS__URL", self.bus())
            .env("CORTEX__BUS__REPLICATION", "1")
            .env("CORTEX__STORE__URL", self.store())
            .env("CORTEX__STORE__PASSWORD", "cassandra")
            .env("CORTEX__STORE__REPLICATION", "1");
        command
    }

    /// Makes topics and tables.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        for words in [["store", "migrate"], ["topics", "apply"]] {
            let mut command = self.command(words[0]);
            command.args(words);
            child::run(command)?;
        }
        Ok(())
    }
}

impl Running {
    /// Starts a process and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
        let mut running = Self { child, address: String::new() };
        let output = running.output()?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        while running.address.is_empty() {
            let line = lines.recv_timeout(PATIENCE).with_context(|| format!("{shown} does not listen"))?;
            if let Some((_, link)) = line.split_once("://") {
                link.split('/').next().unwrap_or_default().trim().clone_into(&mut running.address);
            }
        }
        Ok(running)
    }

    /// Starts a process whose output is read.
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<(Self, ChildStdout)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut running = Self { child, address: String::new() };
        let output = running.output()?;
        Ok((running, output))
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // Ending a child that ended already fails, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn output(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().context("its output is read")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
