//! A frame that raised an alert is one trace from ingest to the alerter, as a collector of OpenTelemetry sees it; and no
//! span says more than how the work was done.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod support;

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::v1;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use support::{Cortex, LIMIT};
use tokio::{net::TcpListener, sync::mpsc};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_raised_an_alert_is_one_trace() {
    let (sender, mut exports) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(Collector(sender));
    tokio::spawn(
        Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
    );

    let folder = tempfile::tempdir().unwrap();
    let camera = support::camera();
    let config = support::config(folder.path(), &camera.url());
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("[telemetry]\notlp = \"{collector}\"\ntraced = 1.0\n{text}")).unwrap();
    let cortex = Cortex::up(&config, &folder.path().join("data"));
    cortex.alerts(Some(v1::Cursor::default()), 1).await;
    assert!(cortex.terminate(), "what is left is sent at the end");

    let mut traces: BTreeMap<Vec<u8>, Vec<Span>> = BTreeMap::new();
    let mut said = Vec::new();
    let whole = |spans: &Vec<Span>| {
        let by_id: BTreeMap<&[u8], &Span> =
            spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
        // From the alerter's span upwards to the root.
        spans.iter().filter(|span| span.name == "alerter").any(|alerter| {
            let (mut way, mut at) = (vec![alerter.name.as_str()], alerter);
            while let Some(parent) = by_id.get(at.parent_span_id.as_slice()) {
                way.push(&parent.name);
                at = parent;
            }
            way == ["alerter", "detector", "ingest"] && at.parent_span_id.is_empty()
        })
    };
    loop {
        let export = tokio::time::timeout(LIMIT, exports.recv()).await.expect("the trace comes").unwrap();
        for resource in export.resource_spans {
            said.extend(resource.resource.into_iter().flat_map(|resource| resource.attributes));
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
                said.extend(span.attributes.clone());
                traces.entry(span.trace_id.clone()).or_default().push(span);
            }
        }
        if traces.values().any(whole) {
            break;
        }
    }
    let keys: BTreeSet<&str> = said.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.iter().all(|key| ALLOWED.contains(key)), "{keys:?}");
    let values = format!("{said:?}");
    assert!(!values.contains("campus") && !values.contains("rtsp"), "no camera and no address: {values}");
}
