//! What a process says about itself: logs to standard error, metrics for Prometheus, and both traces and metrics to a
//! collector (OTLP) when one is configured.

mod logs;
mod stage;
pub(crate) mod trace;

use std::{sync::Arc, time::Duration};

use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{Sampler, SdkTracerProvider},
};
use prometheus::{Encoder, Registry, TextEncoder};

use crate::config;

pub use stage::StageMetrics;

/// The telemetry of this process; a cheap clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
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
        let telemetry = Self::export(&config.otlp, config.traced, process)?;
        if let Some(tracers) = &telemetry.0.tracers {
            trace::to(tracers.tracer("cortex"));
        }
        logs::start(config)?;
        Ok(telemetry)
    }

    /// Begins measuring without logging or tracing: for tests and for commands that print.
    ///
    /// # Errors
    /// The collector's address is none.
    pub fn measure(otlp: &str, process: &'static str) -> Result<Self, Error> {
        Self::export(otlp, 0.0, process)
    }

    fn export(otlp: &str, traced: f64, process: &'static str) -> Result<Self, Error> {
        let registry = Registry::new();
        let resource = Resource::builder()
            .with_service_name(process)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let reader = reader.map_err(|error| Error::new("make metrics for Prometheus", error))?;
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader);
        let mut tracers = None;
        if !otlp.is_empty() {
            let failed = |error| Error::new("make the exporter for `telemetry.otlp`", error);
            let metrics = MetricExporter::builder().with_tonic().with_endpoint(otlp).with_timeout(PATIENCE);
            meters = meters.with_reader(PeriodicReader::builder(metrics.build().map_err(failed)?).build());
            let spans = SpanExporter::builder().with_tonic().with_endpoint(otlp).with_timeout(PATIENCE);
            let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traced)));
            let provider = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
            tracers = Some(provider.with_batch_exporter(spans.build().map_err(failed)?).build());
        }
        let meters = meters.build();
        global::set_meter_provider(meters.clone());
        let info =
            global::meter("cortex").u64_gauge("cortex.build.info").with_description("always 1").build();
        info.record(
            1,
            &[KeyValue::new("version", env!("CARGO_PKG_VERSION")), KeyValue::new("process", process)],
        );
        Ok(Self(Arc::new(Inner { registry, meters, tracers })))
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
        if let Some(tracers) = &self.0.tracers {
            tracers.shutdown_with_timeout(PATIENCE).map_err(failed)?;
        }
        self.0.meters.shutdown_with_timeout(PATIENCE).map_err(failed)
    }
}

impl Error {
    fn new(attempt: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { attempt, reason: reason.to_string() }
    }
}
