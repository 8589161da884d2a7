//! Cortex's processes, alone or on servers that run already.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;

use crate::child;

/// Where the servers are; `scripts/servers.sh run COMMAND` starts some.
#[derive(Args, Clone, Debug)]
pub struct Servers {
    /// Address of a Kafka, as host:port
    #[arg(long, env = "CORTEX_TEST_KAFKA")]
    pub kafka: String,
    /// Address of a CQL server that takes `cassandra` as user and password
    #[arg(long, env = "CORTEX_TEST_CQL")]
    pub cql: String,
}

/// The processes of one deployment; each keeps its data in a folder of its name.
#[derive(Clone, Debug)]
pub struct Fleet<'a> {
    /// Cortex's binary.
    pub cortex: &'a Path,
    /// The configuration of all of them.
    pub config: &'a Path,
    /// Where their folders are; each has its log in it.
    pub folder: &'a Path,
    /// What they meet on.
    pub servers: &'a Servers,
    /// What its topics and keyspace are called.
    pub name: String,
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Host and port that it listens on.
    pub address: String,
}

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(50);

impl Fleet<'_> {
    /// A command on embedded engines; what it says of itself is in `log` in its folder.
    pub fn alone(&self, name: &str) -> Command {
        let data = self.folder.join(name);
        let log = fs::create_dir_all(&data)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(data.join("log")));
        let mut command = Command::new(self.cortex);
        command
            .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
            .arg("--config")
            .arg(self.config)
            .env("CORTEX__DATA__DIR", data)
            .env("CORTEX__LISTEN__ADDRESS", "127.0.0.1:0");
        command
    }

    /// `kafka://` of its topics.
    pub fn bus(&self) -> String {
        format!("kafka://{}/{}", self.servers.kafka, self.name)
    }

    /// `scylla://` of its keyspace.
    pub fn store(&self) -> String {
        format!("scylla://cassandra@{}/{}", self.servers.cql, self.name)
    }

    /// A command on the servers.
    pub fn command(&self, name: &str) -> Command {
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
    ///
    /// # Errors
    /// A server refuses.
    pub fn prepare(&self) -> anyhow::Result<()> {
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
    ///
    /// # Errors
    /// It cannot be started, or ends before it listens.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
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
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(command: &mut Command) -> anyhow::Result<(Self, ChildStdout)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut running = Self { child, address: String::new() };
        let output = running.output()?;
        Ok((running, output))
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        // Ending a child that ended already fails, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status()?;
        ensure!(sent.success(), "process {} takes no signal {name}", self.id());
        Ok(())
    }

    /// Waits until it has ended by itself; `None` when it has not in time.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn ended(&mut self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let until = Instant::now() + patience;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= until {
                return Ok(status);
            }
            thread::sleep(LOOK);
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
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
