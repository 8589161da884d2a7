//! What stands before every service reads Host, Origin, Cookie, Authorization and the login link: any bytes are an
//! answer, and without a credential nothing but what is open is passed on.
#![no_main]

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue, Request, Response, StatusCode, header},
};
use cortex_runtime::{
    access::{Access, Settings},
    audit::Auditor,
    bus::{Embedded, Full},
    store::{Retention, Sqlite},
};
use libfuzzer_sys::fuzz_target;
use tower::{Layer as _, ServiceExt as _, service_fn};

static ACCESS: LazyLock<Access> = LazyLock::new(|| {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let store = Arc::new(Sqlite::open(None, retention).expect("a store in memory"));
    let bus = Arc::new(Embedded::open(None, Full::Shed).expect("a bus in memory"));
    let audit = Auditor::open(store.clone(), bus, "fuzz", Arc::new(|| 0)).expect("an audit in memory");
    Access::new(Settings {
        store,
        audit,
        clock: Arc::new(|| 0),
        hosts: vec!["cortex.test".into()],
        tls: false,
    })
});

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread"));

const HEADERS: [HeaderName; 5] =
    [header::HOST, header::ORIGIN, header::COOKIE, header::AUTHORIZATION, header::CONTENT_TYPE];

fuzz_target!(|input: (bool, &str, Vec<(u8, &[u8])>)| {
    let (post, target, headers) = input;
    let mut request = Request::builder().method(if post { "POST" } else { "GET" }).uri(format!("/{target}"));
    for (which, value) in headers {
        let name = &HEADERS[usize::from(which) % HEADERS.len()];
        // Many a request gets past the host, so that what lies behind is read too.
        let value = if which > 200 { b"localhost" } else { value };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request = request.header(name, value);
        }
    }
    let peer = ConnectInfo(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1));
    let Ok(request) = request.extension(peer).body(Body::empty()) else { return };
    let (path, open) = (request.uri().path().to_owned(), ["/livez", "/readyz", "/login"]);
    let is_open = !post && open.contains(&path.as_str());
    let router = ACCESS.router();
    let behind = service_fn(move |request: Request<Body>| {
        assert!(is_open, "{path} was passed on without a credential");
        let router = router.clone();
        async move {
            if request.uri().path() == "/login" {
                return router.oneshot(request).await;
            }
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let answer = RUNTIME.block_on(ACCESS.layer().layer(behind).oneshot(request));
    let status = answer.unwrap_or_else(|never| match never {}).status();
    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{status}");
});
