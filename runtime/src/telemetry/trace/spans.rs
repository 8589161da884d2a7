//! Where drawn traces are told: a collector (OTLP).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use cortex_proto::topics;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _},
};
use tokio::runtime::Handle;
use tracing::warn;

use super::passed::Hop;
use crate::telemetry::{PATIENCE, resource};

/// Every attribute that a span may have.
const TOPIC: &str = "cortex.topic";
const BATCH: &str = "cortex.batch.size";

/// The exporters of this process.
pub(in crate::telemetry) struct Spans {
    process: &'static str,
    otlp: String,
    /// The share of traces that are drawn by chance.
    share: f64,
    runtime: Handle,
    /// By the service that did what they tell: of a trace that is drawn late, one process tells what others did.
    by_service: Mutex<HashMap<&'static str, BatchSpanProcessor>>,
}

static SPANS: OnceLock<Arc<Spans>> = OnceLock::new();

impl Spans {
    /// Drawn traces of this process go there from now on. On the tokio runtime.
    pub(in crate::telemetry) fn start(
        process: &'static str,
        otlp: &str,
        share: f64,
    ) -> Result<Arc<Self>, ExporterBuildError> {
        let (otlp, runtime) = (otlp.to_owned(), Handle::current());
        let spans = Self { process, otlp, share, runtime, by_service: Mutex::default() };
        let own = spans.exporter(process)?;
        spans.by_service.lock().unwrap_or_else(PoisonError::into_inner).insert(process, own);
        Ok(Arc::clone(SPANS.get_or_init(|| Arc::new(spans))))
    }

    fn exporter(&self, service: &'static str) -> Result<BatchSpanProcessor, ExporterBuildError> {
        let _on_runtime = self.runtime.enter();
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(&self.otlp).with_timeout(PATIENCE);
        let mut processor = BatchSpanProcessor::builder(exporter.build()?).build();
        processor.set_resource(&resource(service));
        Ok(processor)
    }

    fn tell(&self, service: &'static str, span: SpanData) {
        let mut all = self.by_service.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(service) {
            match self.exporter(service) {
                Ok(exporter) => all.insert(service, exporter),
                Err(error) => return warn!(service, %error, "a span is not told"),
            };
        }
        if let Some(exporter) = all.get(service) {
            exporter.on_end(span);
        }
    }

    /// Sends what was not sent yet.
    pub(in crate::telemetry) fn shutdown(&self, patience: Duration) -> OTelSdkResult {
        let all = self.by_service.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().try_for_each(|exporter| exporter.shutdown_with_timeout(patience))
    }
}

/// Whether chance draws this trace.
pub(super) fn draws(trace: TraceId) -> bool {
    SPANS.get().is_some_and(|spans| {
        let [.., a, b, c, d] = trace.to_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) < spans.share * 2_f64.powi(32)
    })
}

/// Tells what was done, as part of a trace and because of that parent; `SpanId::INVALID` for its root.
pub(super) fn tell(trace: TraceId, parent: SpanId, name: &'static str, hop: &Hop) {
    let Some(spans) = SPANS.get() else { return };
    // A process that is named after no stage does the work of all.
    let of_a_stage = topics::ALL.iter().any(|topic| topic.writers.contains(&spans.process));
    let service = if of_a_stage { hop.stage } else { spans.process };
    let context = SpanContext::new(trace, hop.span, TraceFlags::SAMPLED, false, TraceState::NONE);
    spans.tell(
        service,
        SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: parent != SpanId::INVALID,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: hop.since,
            end_time: hop.since + hop.took,
            attributes: vec![KeyValue::new(TOPIC, hop.topic.noun), KeyValue::new(BATCH, hop.batch as i64)],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("cortex").build(),
        },
    );
}
