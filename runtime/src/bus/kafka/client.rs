//! What every client of the cluster has in common: addresses, login, and what it says when something is wrong.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cortex_proto::Topic;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};
use tracing::{debug, warn};

use super::Settings;

/// Largest message, in bytes: a picture of the widest analysis size fits several times.
pub(super) const MESSAGE: usize = 4 << 20;

/// Keeps the last word of the cluster, for errors that say why.
#[derive(Default)]
pub(super) struct Ears {
    heard: Mutex<Heard>,
    /// Whoever uses this client tells what was heard, so the log need not say it before.
    quiet: bool,
}

#[derive(Default)]
struct Heard {
    /// What went wrong last.
    wrong: Option<String>,
    /// Highest version of the request to join a group that every broker understands.
    joins: Option<i16>,
}

impl Ears {
    /// Of a client whose every error is answered to somebody.
    pub(super) fn quiet() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    fn hears(&self, words: &str) {
        self.lock().wrong = Some(words.to_lowercase());
    }

    /// What was heard last, if anything, as the end of a sentence.
    pub(super) fn heard(&self) -> String {
        self.lock().wrong.as_ref().map(|heard| format!(" ({heard})")).unwrap_or_default()
    }

    /// Highest version of the request to join a group that every broker understands that was met. Only a client that tells
    /// of features hears it.
    pub(super) fn joins(&self) -> Option<i16> {
        self.lock().joins
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version in `ApiKey JoinGroup (11) Versions 0..9`.
fn joins(line: &str) -> Option<i16> {
    line.split_once("ApiKey JoinGroup ")?.1.rsplit_once("..")?.1.parse().ok()
}

impl ClientContext for Ears {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(facility, message, "kafka");
        if let Some(version) = joins(message) {
            let mut heard = self.lock();
            heard.joins = Some(heard.joins.map_or(version, |least| least.min(version)));
        }
        if matches!(
            level,
            RDKafkaLogLevel::Emerg
                | RDKafkaLogLevel::Alert
                | RDKafkaLogLevel::Critical
                | RDKafkaLogLevel::Error
        ) {
            // The client names its own thread first, which says nothing to anybody else.
            self.hears(message.rsplit_once("]: ").map_or(message, |(_, words)| words));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match self.quiet {
            true => debug!(%error, reason, "kafka"),
            false => warn!(%error, reason, "kafka"),
        }
        // That none is there says nothing of why.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.hears(reason);
        }
    }
}

impl Settings {
    /// The name of a topic on the cluster.
    pub(super) fn topic(&self, topic: &Topic) -> String {
        format!("{}{}", self.prefix, topic.name)
    }

    /// What every client is configured with.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("cortex-{}", self.instance))
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "2000")
            .set("message.max.bytes", MESSAGE.to_string())
            .set_log_level(RDKafkaLogLevel::Warning);
        let protocol = match (self.tls, self.user.is_empty()) {
            (false, true) => "plaintext",
            (true, true) => "ssl",
            (false, false) => "sasl_plaintext",
            (true, false) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if !self.user.is_empty() {
            config
                .set("sasl.mechanism", "SCRAM-SHA-512")
                .set("sasl.username", &self.user)
                .set("sasl.password", self.password.expose());
        }
        if !self.ca.as_os_str().is_empty() {
            config.set("ssl.ca.location", self.ca.display().to_string());
        }
        config
    }
}
