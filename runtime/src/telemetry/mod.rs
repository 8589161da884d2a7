//! What a process says about itself: logs to standard error, metrics for Prometheus, and both traces and metrics to a
//! collector (OTLP) when one is configured.

mod logs;
mod stage;
pub(crate) mod trace;

use std::{sync::Arc, time::Duration};

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use prometheus::{Encoder, Registry, TextEncoder};

use self::trace::Spans;
use crate::config;

pub use stage::StageMetrics;
pub use trace::Delivery;

/// The telemetry of this process; a cheap clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    registry: Registry,
    meters: SdkMeterProvider,
    spans: Option<Arc<Spans>>,
}

/// What went wrong with telemetry.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}: {reason}")]
pub struct Error {
    attempt: &'static str,
    reason: String,
}

/// The collector must answer within this time; nobody waits for it but the exporter's own thread.
const PATIENCE: Duration = Duration::from_secs(5);

impl Telemetry {
    /// Begins logging and measuring. `process` names this process (`cortex`, or the stage's word). Called once, on the
    /// tokio runtime, before anything is measured.
    ///
    /// # Errors
    /// The filter is none, the collector's address is none, or logging has begun already.
    pub fn start(config: &config::Telemetry, process: &'static str) -> Result<Self, Error> {
        let telemetry = Self::export(&config.otlp, Some(config.traced), process)?;
        logs::start(config)?;
        Ok(telemetry)
    }

    /// Begins measuring without logging or tracing: for tests and for commands that print.
    ///
    /// # Errors
    /// The collector's address is none.
    pub fn measure(otlp: &str, process: &'static str) -> Result<Self, Error> {
        Self::export(otlp, None, process)
    }

    /// `traced` is the share of traces that are drawn; `None` tells of none at all.
    fn export(otlp: &str, traced: Option<f64>, process: &'static str) -> Result<Self, Error> {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let reader = reader.map_err(|error| Error::new("make metrics for Prometheus", error))?;
        let mut meters = SdkMeterProvider::builder().with_resource(resource(process)).with_reader(reader);
        let mut spans = None;
        if !otlp.is_empty() {
            let failed = |error| Error::new("make the exporter for `telemetry.otlp`", error);
            let metrics = MetricExporter::builder().with_tonic().with_endpoint(otlp).with_timeout(PATIENCE);
            meters = meters.with_reader(PeriodicReader::builder(metrics.build().map_err(failed)?).build());
            spans = traced.map(|traced| Spans::start(process, otlp, traced)).transpose().map_err(failed)?;
        }
        let meters = meters.build();
        global::set_meter_provider(meters.clone());
        let info =
            global::meter("cortex").u64_gauge("cortex.build.info").with_description("always 1").build();
        info.record(
            1,
            &[KeyValue::new("version", env!("CARGO_PKG_VERSION")), KeyValue::new("process", process)],
        );
        Ok(Self(Arc::new(Inner { registry, meters, spans })))
    }

    /// Everything measured, in the text format of Prometheus.
    ///
    /// # Errors
    /// The metrics contradict each other.
    pub fn metrics(&self) -> Result<String, Error> {
        let mut text = Vec::new();
        let encoded = TextEncoder::new().encode(&self.0.registry.gather(), &mut text);
        encoded.map_err(|error| Error::new("write metrics", error))?;
        String::from_utf8(text).map_err(|error| Error::new("write metrics", error))
    }

    /// Sends what was not sent yet. Blocks for as long as the collector may take; not for the event loop.
    ///
    /// # Errors
    /// The collector did not take it.
    pub fn shutdown(&self) -> Result<(), Error> {
        let failed = |error| Error::new("send the last telemetry", error);
        if let Some(spans) = &self.0.spans {
            spans.shutdown(PATIENCE).map_err(failed)?;
        }
        self.0.meters.shutdown_with_timeout(PATIENCE).map_err(failed)
    }
}

/// What a service says of itself.
fn resource(service: &'static str) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder().with_service_name(service).with_attribute(version).build()
}

impl Error {
    fn new(attempt: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { attempt, reason: reason.to_string() }
    }
}
