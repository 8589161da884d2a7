//! A frame that raised an alert is one trace from ingest to the subscriber, as a collector of OpenTelemetry sees it; and no
//! span says more than how the work was done.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cortex_camera::{Camera, CameraOptions};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use support::{
    Cortex, LIMIT,
    fleet::{Fleet, recognising},
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).ok();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// What a span, and the process it comes from, may say of themselves.
const ALLOWED: &[&str] = &[
    "cortex.topic",
    "cortex.batch.size",
    "service.name",
    "service.version",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
];

/// A collector, and what it is given.
async fn collector() -> (String, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let (sender, exports) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(Collector(sender));
    tokio::spawn(
        Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (address, exports)
}

/// The demonstration's zones and rules on a camera. Chance draws no trace; what raises an alert is told all the same.
fn config(folder: &Path, camera: &Camera, collector: &str) -> PathBuf {
    let config = support::config(folder, &camera.url());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("[telemetry]\notlp = \"{collector}\"\ntraced = 0.0\n{text}")).unwrap();
    config
}

/// Whether spans lead from a delivery upwards to the root, each of the process that did the work.
fn whole(spans: &[(String, Span)], services: [&str; 4]) -> bool {
    let by_id: BTreeMap<&[u8], &(String, Span)> =
        spans.iter().map(|span| (span.1.span_id.as_slice(), span)).collect();
    spans.iter().filter(|(_, span)| span.name == "delivery").any(|delivery| {
        let (mut way, mut at) = (vec![delivery], delivery);
        while let Some(parent) = by_id.get(at.1.parent_span_id.as_slice()) {
            way.push(parent);
            at = parent;
        }
        at.1.parent_span_id.is_empty()
            && way
                .iter()
                .map(|(_, span)| span.name.as_str())
                .eq(["delivery", "alerter", "detector", "ingest"])
            && way.iter().map(|(service, _)| service.as_str()).eq(services)
    })
}

/// Whether all stages worked on it, each span has led to by another of it, and one alone by none.
fn through_all(spans: &[(String, Span)]) -> bool {
    let services: BTreeSet<&str> = spans.iter().map(|(service, _)| service.as_str()).collect();
    let ids: BTreeSet<&[u8]> = spans.iter().map(|(_, span)| span.span_id.as_slice()).collect();
    let (roots, led): (Vec<_>, Vec<_>) = spans.iter().partition(|(_, span)| span.parent_span_id.is_empty());
    services == BTreeSet::from(["alerter", "cloaker", "detector", "ingest", "recognizer"])
        && roots.len() == 1
        && led.iter().all(|(_, span)| ids.contains(span.parent_span_id.as_slice()))
}

/// Reads until one trace is as it must be, and holds everything that was said against the list.
async fn one_trace(
    mut exports: mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
    whole: impl Fn(&[(String, Span)]) -> bool,
) {
    let mut traces: BTreeMap<Vec<u8>, Vec<(String, Span)>> = BTreeMap::new();
    let mut said = Vec::new();
    let until = Instant::now() + LIMIT;
    while !traces.values().any(|spans| whole(spans)) {
        let export = timeout_at(until, exports.recv()).await.expect("the trace comes").unwrap();
        for resource in export.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            let Some(Value::StringValue(service)) = name.value.clone().and_then(|value| value.value) else {
                panic!("{name:?}")
            };
            said.extend(attributes);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
                said.extend(span.attributes.clone());
                traces.entry(span.trace_id.clone()).or_default().push((service.clone(), span));
            }
        }
    }
    let keys: BTreeSet<&str> = said.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.iter().all(|key| ALLOWED.contains(key)), "{keys:?}");
    let values = format!("{said:?}");
    assert!(!values.contains("campus") && !values.contains("rtsp"), "no camera and no address: {values}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_raised_an_alert_is_one_trace() {
    let (collector, exports) = collector().await;
    let (folder, camera) = (tempfile::tempdir().unwrap(), support::camera());
    let cortex = Cortex::up(&config(folder.path(), &camera, &collector), &folder.path().join("data"));
    cortex.alerts(None, 1).await;
    assert!(cortex.terminate(), "what is left is sent at the end");
    one_trace(exports, |spans| whole(spans, ["cortex"; 4])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_from_process_to_process() {
    let (collector, exports) = collector().await;
    let (folder, camera) = (tempfile::tempdir().unwrap(), support::camera());
    let fleet = Fleet::new(config(folder.path(), &camera, &collector), folder.path());
    let stages = ["alerter", "detector", "ingest"].map(|stage| fleet.start(stage, stage));
    stages[0].alerts(None, 1).await;
    assert!(stages.into_iter().all(Cortex::terminate), "what is left is sent at the end");
    one_trace(exports, |spans| whole(spans, ["alerter", "alerter", "detector", "ingest"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_was_drawn_is_one_trace_through_all_five_processes() {
    let (collector, exports) = collector().await;
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let telemetry = format!("[telemetry]\notlp = '{collector}'\ntraced = 1.0");
    let fleet = Fleet::new(recognising(folder.path(), &camera.url(), &telemetry), folder.path());
    let (front, _) = fleet.enrolled();
    let others = ["cloaker", "detector", "ingest"].map(|stage| fleet.start(stage, stage));
    one_trace(exports, through_all).await;
    assert!(front.into_iter().chain(others).all(Cortex::terminate));
}
