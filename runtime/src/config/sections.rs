//! The sections that every process has, whatever stages run in it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Secret;
#[cfg(feature = "kafka")]
use crate::bus::kafka;
use crate::{keys::Key, store::Retention};

const DAY_S: u64 = 24 * 60 * 60;
const GIB: u64 = 1024 * 1024 * 1024;

/// Section `[data]`: where this process keeps its own files.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The folder; empty for `data` in `CORTEX_HOME`, else `~/.local/share/cortex`.
    pub dir: PathBuf,
}

/// Section `[bus]`: what carries messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bus {
    /// `embedded://` keeps its log in the data folder, `embedded:///path/bus.sqlite` elsewhere;
    /// `kafka://host:9092,other:9092` is a cluster, with `/name` at its end a part of one.
    pub url: String,
    /// The embedded log gives up its oldest facts above so many GiB, but none that a stage still has to read.
    pub budget_gib: f64,
    /// This process among those of its stage, the same after a restart; empty for the name of the machine.
    pub instance: String,
    /// User of the cluster (SASL, SCRAM-SHA-512); empty for none.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Whether connections to the cluster are encrypted.
    pub tls: bool,
    /// PEM file of the authorities that signed the brokers' certificates; empty for those of the system.
    pub ca: PathBuf,
    /// What seals chips on the cluster, 64 hexadecimal digits; empty for none: then no chip leaves the detector.
    pub key: Secret,
    /// Copies of each topic that is made on the cluster.
    pub replication: u16,
    /// A process that is silent for so many seconds loses its share to the others, 6 to 60.
    pub session_s: f64,
}

/// Section `[store]`: what keeps facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite://` keeps the store in the data folder, `sqlite:///path/store.sqlite` elsewhere;
    /// `scylla://user@host:9042,host2:9042/keyspace` keeps it in ScyllaDB or Apache Cassandra.
    pub url: String,
    /// Password of the url's user.
    pub password: Secret,
    /// PEM file of whoever signed the servers' certificates, which must name their IP addresses; empty for no TLS.
    pub ca: PathBuf,
    /// Servers that keep a copy of each row, when the keyspace is made.
    pub replication: u32,
    /// An embedded store gives up its oldest detections, stills and clips above so many GiB.
    pub budget_gib: f64,
    /// Days that alerts and verdicts on them, anomalies, identities and the log are kept.
    pub events_days: f64,
    /// Days that detections are kept.
    pub detections_days: f64,
    /// Days that cloaked stills and clips are kept.
    pub stills_days: f64,
}

/// Section `[listen]`: the one port of pages, gRPC, metrics and health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port. Beyond loopback only with `certificate` and `key`.
    pub address: String,
    /// PEM file of the server's certificate chain; empty for none.
    pub certificate: PathBuf,
    /// PEM file of the certificate's private key; empty for none.
    pub key: PathBuf,
    /// Names besides `localhost` and the loopback addresses under which browsers reach the page.
    pub hosts: Vec<String>,
}

/// Section `[telemetry]`: what a process says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,cortex_ingest=debug`.
    pub log: String,
    /// How it is written to standard error.
    pub format: Format,
    /// OTLP collector (gRPC) for traces and metrics, e.g. `http://127.0.0.1:4317`; empty for none.
    pub otlp: String,
    /// Share of frames that are traced through all stages, 0 to 1; only with `otlp`. Those that lead to an anomaly, a match
    /// or a dead letter always are.
    pub traced: f64,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}

/// Section `[keys]`: secrets, which live apart from the data and are in no backup of it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// The master key's file, mode 0600, made at first need; empty for `master.key` in the data folder.
    pub path: PathBuf,
    /// User and password of cameras by name, a TOML file of mode 0600; empty for none.
    pub credentials: PathBuf,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            url: "embedded://".to_owned(),
            budget_gib: 2.0,
            instance: String::new(),
            user: String::new(),
            password: Secret::default(),
            tls: false,
            ca: PathBuf::new(),
            key: Secret::default(),
            replication: 3,
            session_s: 8.0,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite://".to_owned(),
            password: Secret::default(),
            ca: PathBuf::new(),
            replication: 3,
            budget_gib: 10.0,
            events_days: 90.0,
            detections_days: 7.0,
            stills_days: 30.0,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            hosts: Vec::new(),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info,ort=warn,scylla=off".to_owned(),
            format: Format::Text,
            otlp: String::new(),
            traced: 0.01,
        }
    }
}

impl Data {
    /// The folder in force.
    pub fn folder(&self) -> PathBuf {
        if self.dir.as_os_str().is_empty() { super::data_home() } else { self.dir.clone() }
    }
}

impl Bus {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = scheme("bus.url", &self.url, &["embedded", "kafka"]);
        if let Some(brokers) = self.url.strip_prefix("kafka://") {
            let hosts = brokers.split('/').next().unwrap_or_default();
            let host = |host: &str| {
                host.rsplit_once(':')
                    .is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok())
            };
            if brokers.contains('@') || !hosts.split(',').all(host) {
                wrong.push(
                    "`bus.url` must name brokers as kafka://host:9092,other:9092; user and password have keys of \
                     their own"
                        .to_owned(),
                );
            }
        }
        if self.user.is_empty() != self.password.is_empty() {
            wrong.push("`bus.user` and `bus.password` belong together".to_owned());
        }
        if !(6.0..=60.0).contains(&self.session_s) {
            wrong.push("`bus.session_s` must be 6 to 60 seconds".to_owned());
        }
        if !self.key.expose().is_empty() && Key::parse(self.key.expose()).is_none() {
            wrong.push(
                "`bus.key` must be 64 hexadecimal digits: `openssl rand -hex 32` makes some".to_owned(),
            );
        }
        if self.replication == 0 {
            wrong.push("`bus.replication` must be at least 1".to_owned());
        }
        if !(self.budget_gib >= 0.01 && self.budget_gib <= 1e6) {
            wrong.push("`bus.budget_gib` must be 0.01 to 1000000 GiB".to_owned());
        }
        wrong
    }

    /// Refuses a cluster without a key for the faces that detectors send to recognizers. Others need none.
    ///
    /// # Errors
    /// What to do.
    pub fn seals_chips(&self) -> Result<(), String> {
        if self.url.starts_with("kafka://") && self.key.expose().is_empty() {
            return Err("recognition on a cluster needs `bus.key`, which seals faces on their way and is the same for \
                        detectors and recognizers: `openssl rand -hex 32` makes one"
                .to_owned());
        }
        Ok(())
    }

    /// How many bytes the embedded log may have.
    pub fn budget(&self) -> u64 {
        (self.budget_gib * GIB as f64) as u64
    }

    /// How to reach the cluster, when there is one.
    #[cfg(feature = "kafka")]
    pub fn kafka(&self) -> Option<kafka::Settings> {
        let (brokers, prefix) = match self.url.strip_prefix("kafka://")?.split_once('/') {
            Some((brokers, name)) if !name.is_empty() => (brokers, format!("{name}.")),
            Some((brokers, _)) => (brokers, String::new()),
            None => (self.url.strip_prefix("kafka://")?, String::new()),
        };
        Some(kafka::Settings {
            brokers: brokers.to_owned(),
            prefix,
            instance: if self.instance.is_empty() { machine() } else { self.instance.clone() },
            user: self.user.clone(),
            password: self.password.clone(),
            tls: self.tls,
            ca: self.ca.clone(),
            key: Key::parse(self.key.expose()).map(std::sync::Arc::new),
            replication: self.replication,
            session: Duration::from_secs_f64(self.session_s),
        })
    }

    /// The file of the embedded bus's log.
    pub fn path(&self, data: &Data) -> PathBuf {
        path(&self.url, data, "bus.sqlite")
    }
}

impl Store {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = self.engine_wrong();
        let days = [
            ("events_days", self.events_days),
            ("detections_days", self.detections_days),
            ("stills_days", self.stills_days),
        ];
        for (name, value) in days {
            if !(value > 0.0 && value <= 3650.0) {
                wrong.push(format!("`store.{name}` must be above 0 and at most 3650 days"));
            }
        }
        if !(self.budget_gib >= 0.01 && self.budget_gib <= 1e6) {
            wrong.push("`store.budget_gib` must be 0.01 to 1000000 GiB".to_owned());
        }
        wrong
    }

    #[cfg(feature = "cql")]
    fn engine_wrong(&self) -> Vec<String> {
        use crate::store::cql::Address;
        let mut wrong = scheme("store.url", &self.url, &["sqlite", "scylla"]);
        if !self.is_cql() {
            return wrong;
        }
        match Address::parse(&self.url) {
            Err(why) => wrong.push(format!("`store.url` {why}")),
            Ok(address) if address.user.is_none() && !self.password.is_empty() => {
                wrong.push(
                    "`store.password` needs a user in `store.url`, as scylla://user@host/keyspace".to_owned(),
                );
            }
            Ok(_) => {}
        }
        if !(1..=10).contains(&self.replication) {
            wrong.push("`store.replication` must be 1 to 10 copies".to_owned());
        }
        wrong
    }

    #[cfg(not(feature = "cql"))]
    fn engine_wrong(&self) -> Vec<String> {
        scheme("store.url", &self.url, &["sqlite"])
    }

    /// Whether servers that speak CQL keep the store.
    pub fn is_cql(&self) -> bool {
        self.url.starts_with("scylla://")
    }

    /// The file of the SQLite store.
    pub fn path(&self, data: &Data) -> PathBuf {
        path(&self.url, data, "store.sqlite")
    }

    /// How long rows live and how large the store may grow.
    pub fn retention(&self) -> Retention {
        let days = |days: f64| Duration::from_secs_f64(days * DAY_S as f64);
        Retention {
            events: days(self.events_days),
            detections: days(self.detections_days),
            stills: days(self.stills_days),
            budget: (self.budget_gib * GIB as f64) as u64,
        }
    }
}

impl Listen {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.certificate.as_os_str().is_empty() != self.key.as_os_str().is_empty() {
            wrong.push("`listen.certificate` and `listen.key` belong together".to_owned());
        }
        match self.address() {
            Ok(address) => {
                if let Err(error) = crate::access::check_bind(address, self.tls()) {
                    wrong.push(error.to_string());
                }
            }
            Err(error) => wrong.push(error),
        }
        wrong
    }

    /// The address to bind.
    ///
    /// # Errors
    /// It is no address with a port.
    pub fn address(&self) -> Result<SocketAddr, String> {
        self.address
            .parse()
            .map_err(|_| "`listen.address` must be an IP address and a port, as 127.0.0.1:8080".to_owned())
    }

    /// Whether connections are encrypted.
    pub fn tls(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}

impl Telemetry {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log) {
            wrong.push(format!("`telemetry.log` is no filter of log lines: {error}"));
        }
        if !(self.otlp.is_empty() || self.otlp.starts_with("http://") || self.otlp.starts_with("https://")) {
            wrong.push(
                "`telemetry.otlp` must be an address such as http://127.0.0.1:4317, or empty".to_owned(),
            );
        }
        if !(0.0..=1.0).contains(&self.traced) {
            wrong.push("`telemetry.traced` must be 0 to 1".to_owned());
        }
        wrong
    }
}

impl Keys {
    /// The master key's file.
    pub fn file(&self, data: &Data) -> PathBuf {
        if self.path.as_os_str().is_empty() { data.folder().join("master.key") } else { self.path.clone() }
    }
}

fn scheme(key: &str, url: &str, known: &[&str]) -> Vec<String> {
    if url.split_once("://").is_some_and(|(name, _)| known.contains(&name)) {
        return Vec::new();
    }
    let known: Vec<String> = known.iter().map(|name| format!("{name}://")).collect();
    vec![format!(
        "`{key}` must begin with {}: it chooses the engine, and this build has no other",
        known.join(" or ")
    )]
}

/// The name of this machine; in a cluster of containers that of the replica, the same after a restart.
#[cfg(feature = "kafka")]
fn machine() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if name.trim().is_empty() { "cortex".to_owned() } else { name.trim().to_owned() }
}

fn path(url: &str, data: &Data, name: &str) -> PathBuf {
    match url.split_once("://") {
        Some((_, path)) if !path.is_empty() => PathBuf::from(path),
        _ => data.folder().join(name),
    }
}
