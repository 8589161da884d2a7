//! The stages as processes of their own, on the servers that the tests were started beside.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use cortex_runtime::{
    bus::kafka::{Kafka, Settings},
    config::Secret,
};

use super::{Cortex, command, configured, enrolled};

/// Tells the fleets of one test program apart.
static FLEETS: AtomicU32 = AtomicU32::new(0);

/// Where the stages of a fleet meet.
pub struct Fleet {
    config: PathBuf,
    folder: PathBuf,
    bus: String,
    store: String,
}

/// What the environment says of a server that the tests were started beside.
pub fn server(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names no server: run the tests by `make test`, or under `scripts/servers.sh run`")
    })
}

/// The configuration of one camera where people are recognised, behind these lines.
pub fn recognising(folder: &Path, url: &str, lines: &str) -> PathBuf {
    let config = folder.join("cortex.toml");
    let text = format!(
        "profile = 'research'\n{lines}\n[keys]\npath = {:?}\n[bus]\nkey = '{}'\n[recognizer]\nenabled = true\nshots = 1\n\
         [[cameras]]\nid = 'hall'\nurl = '{url}'\n",
        folder.join("master.key"),
        "c0".repeat(32),
    );
    fs::write(&config, text).unwrap();
    config
}

impl Fleet {
    /// Makes topics and tables of its own on the servers that the tests were started beside.
    pub fn new(config: PathBuf, folder: &Path) -> Self {
        Self::on(&server("CORTEX_TEST_KAFKA"), &server("CORTEX_TEST_CQL"), config, folder)
    }

    /// Makes topics and tables of its own on these servers.
    pub fn on(kafka: &str, cql: &str, config: PathBuf, folder: &Path) -> Self {
        let name = format!("fleet{}x{}", std::process::id(), FLEETS.fetch_add(1, Ordering::Relaxed));
        let fleet = Self {
            config,
            folder: folder.to_owned(),
            bus: format!("kafka://{kafka}/{name}"),
            store: format!("scylla://cassandra@{cql}/{name}"),
        };
        assert!(fleet.command("prepare").args(["store", "migrate"]).status().unwrap().success());
        assert!(fleet.command("prepare").args(["topics", "apply"]).status().unwrap().success());
        fleet
    }

    /// What its keyspace is called, and its topics before a dot.
    pub fn name(&self) -> &str {
        self.bus.rsplit('/').next().unwrap()
    }

    fn data(&self, instance: &str) -> PathBuf {
        self.folder.join(instance)
    }

    /// The cluster, as a reader outside sees it.
    pub fn bus(&self) -> Kafka {
        let (brokers, name) = self.bus.trim_start_matches("kafka://").split_once('/').unwrap();
        let settings = Settings {
            brokers: brokers.to_owned(),
            prefix: format!("{name}."),
            instance: "outside".to_owned(),
            user: String::new(),
            password: Secret::default(),
            tls: false,
            ca: PathBuf::new(),
            key: None,
            replication: 1,
            session: Duration::from_secs(6),
        };
        Kafka::open(settings).unwrap()
    }

    /// The command line with this fleet's servers.
    pub fn command(&self, instance: &str) -> Command {
        self.here(command(&self.config, &self.data(instance)), instance)
    }

    /// A stage's own binary with this fleet's servers.
    pub fn stage(&self, stage: &str, instance: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_cortex")).with_file_name(format!("cortex-{stage}"));
        assert!(binary.is_file(), "{} is missing: `cargo build --workspace` makes it", binary.display());
        self.here(configured(Command::new(binary), &self.config, &self.data(instance)), instance)
    }

    fn here(&self, mut command: Command, instance: &str) -> Command {
        command
            .env("CORTEX__BUS__URL", &self.bus)
            .env("CORTEX__BUS__INSTANCE", instance)
            .env("CORTEX__BUS__REPLICATION", "1")
            .env("CORTEX__BUS__SESSION_S", "6")
            .env("CORTEX__STORE__URL", &self.store)
            .env("CORTEX__STORE__PASSWORD", "cassandra")
            .env("CORTEX__STORE__REPLICATION", "1");
        command
    }

    /// Starts a command of a process that is called `instance`.
    pub fn begin(&self, command: &mut Command, instance: &str) -> Cortex {
        Cortex::start(command, &self.data(instance))
    }

    /// Starts a recognizer and an alerter, and enrols somebody through them. Answers both, and her id.
    pub fn enrolled(&self) -> ([Cortex; 2], String) {
        let recognizer = self.start("recognizer", "recognizer");
        let mut front = self.stage("alerter", "alerter");
        front.env("CORTEX__STAGES__RECOGNIZER", format!("http://{}", recognizer.address));
        let alerter = self.begin(&mut front, "alerter");
        let person = enrolled(|| {
            let mut command = self.command("alerter");
            command.env("CORTEX__LISTEN__ADDRESS", &alerter.address);
            command
        });
        ([recognizer, alerter], person)
    }

    /// Starts a stage; `instance` tells its replicas apart.
    pub fn start(&self, stage: &str, instance: &str) -> Cortex {
        self.begin(&mut self.stage(stage, instance), instance)
    }
}
