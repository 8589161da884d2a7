//! Nobody gets in without a credential, and everybody gets only where their roles lead.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Extension},
    http::{Request, Response, StatusCode},
    routing::get,
};
use cortex_runtime::{
    access::{Access, LINK_LIFE_S, Role, Settings, Subject},
    audit::{self, Auditor},
    bus::{Bus, Embedded, Full},
    health::Health,
    runner::WallClock,
    store::{Retention, Scan, Sqlite, Store, table},
    telemetry::Telemetry,
};
use tower::ServiceExt;

const SECOND: i64 = 1_000_000;
const LOOPBACK: &str = "127.0.0.1:50000";

struct Room {
    access: Access,
    store: Arc<dyn Store>,
    now: Arc<AtomicI64>,
    app: Router,
}

impl Room {
    fn new() -> Self {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(None, retention).unwrap());
        let bus: Arc<dyn Bus> = Arc::new(Embedded::open(None, Full::Shed).unwrap());
        let now = Arc::new(AtomicI64::new(1_000_000 * SECOND));
        let clock: WallClock = {
            let now = Arc::clone(&now);
            Arc::new(move || now.load(Ordering::Relaxed))
        };
        let access = Access::new(Settings {
            store: Arc::clone(&store),
            audit: Auditor::open(Arc::clone(&store), bus, "front-0", Arc::clone(&clock)).unwrap(),
            clock,
            hosts: vec!["Cortex.example".to_owned()],
            tls: false,
        });
        let who = |Extension(subject): Extension<Subject>| async move { subject.name };
        let app = Router::new()
            .route("/", get(who))
            .route("/cortex.v1.CameraService/{method}", get(who).post(who))
            .route("/cortex.v1.AlertService/{method}", get(who).post(who))
            .route("/grpc.health.v1.Health/{method}", get(who).post(who))
            .merge(access.router())
            .merge(Health::default().router(&Telemetry::measure("", "test").unwrap()))
            .layer(access.layer());
        Self { access, store, now, app }
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }

    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn status(&self, request: Request<Body>) -> StatusCode {
        self.ask(request).await.status()
    }

    async fn login(&self, link: &str, peer: &str) -> Response<Body> {
        let mut request = get_of(&format!("/login?token={link}"), &[]);
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        self.ask(request).await
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "127.0.0.1:8080");
    }
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

fn get_of(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    request("GET", path, headers)
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_link_counts_once_for_ten_minutes_and_on_this_machine() {
    let room = Room::new();
    let link = room.access.link().unwrap();
    assert_eq!(room.login(link.expose(), "10.0.0.9:50000").await.status(), StatusCode::FORBIDDEN);
    let unknown_peer = get_of(&format!("/login?token={}", link.expose()), &[]);
    assert_eq!(room.status(unknown_peer).await, StatusCode::FORBIDDEN);

    let answer = room.login(link.expose(), LOOPBACK).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["cortex_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session = cookie.split(';').next().unwrap();
    let page = room.ask(get_of("/", &[("cookie", &format!("theme=dark; {session}"))])).await;
    assert_eq!(text(page).await, "administrator");

    let again = room.login(link.expose(), LOOPBACK).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert!(text(again).await.contains("`cortex login` makes a new one"));

    let late = room.access.link().unwrap();
    room.pass(LINK_LIFE_S + 1);
    assert_eq!(room.login(late.expose(), LOOPBACK).await.status(), StatusCode::FORBIDDEN);

    room.pass(12 * 60 * 60);
    assert_eq!(room.status(get_of("/", &[("cookie", session)])).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_browsers_with_one_link_get_one_session() {
    let room = Room::new();
    let link = room.access.link().unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (access, link) = (room.access.clone(), link.clone());
            std::thread::spawn(move || access.login(link.expose()).is_ok())
        })
        .collect();
    assert_eq!(threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count(), 1);
}

#[tokio::test]
async fn a_session_that_was_ended_is_ended() {
    let room = Room::new();
    let session = room.access.login(room.access.link().unwrap().expose()).unwrap();
    let cookie = format!("cortex_session={}", session.expose());
    assert_eq!(room.status(get_of("/", &[("cookie", &cookie)])).await, StatusCode::OK);
    assert_eq!(room.status(request("POST", "/logout", &[("cookie", &cookie)])).await, StatusCode::NO_CONTENT);
    assert_eq!(room.status(get_of("/", &[("cookie", &cookie)])).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let room = Room::new();
    for _ in 0..10 {
        assert_eq!(room.login("guess", LOOPBACK).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(room.login("guess", LOOPBACK).await.status(), StatusCode::TOO_MANY_REQUESTS);
    room.pass(60);
    let link = room.access.link().unwrap();
    assert_eq!(room.login(link.expose(), LOOPBACK).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn only_health_answers_without_credentials() {
    let room = Room::new();
    assert_eq!(room.status(get_of("/livez", &[("host", "10.1.2.3:8080")])).await, StatusCode::OK);
    assert_eq!(room.status(get_of("/readyz", &[])).await, StatusCode::SERVICE_UNAVAILABLE);
    for path in ["/", "/metrics", "/assets/x.js", "/livez/", "/logout", "/grpc.health.v1.Health/Check"] {
        assert_eq!(room.status(get_of(path, &[])).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(room.status(request("POST", "/livez", &[])).await, StatusCode::UNAUTHORIZED);
    assert_eq!(room.status(request("POST", "/login", &[])).await, StatusCode::UNAUTHORIZED);
    let wrong = [("authorization", "Bearer 0000"), ("cookie", "cortex_session=0000")];
    for header in wrong {
        assert_eq!(room.status(get_of("/metrics", &[header])).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn roles_decide_which_method_answers() {
    let room = Room::new();
    let viewer =
        format!("Bearer {}", room.access.token("boss", "wall", &[Role::Viewer], 0).unwrap().expose());
    let ask = |path: &'static str| room.status(get_of(path, &[("authorization", viewer.as_str())]));
    assert_eq!(ask("/cortex.v1.CameraService/List").await, StatusCode::OK);
    assert_eq!(ask("/cortex.v1.AlertService/Subscribe").await, StatusCode::OK);
    assert_eq!(ask("/grpc.health.v1.Health/Check").await, StatusCode::OK);
    assert_eq!(ask("/metrics").await, StatusCode::OK);
    for refused in [
        "/cortex.v1.CameraService/Upsert",
        "/cortex.v1.AlertService/Acknowledge",
        "/cortex.v1.CameraService/Nonsense",
        "//cortex.v1.CameraService/List",
    ] {
        assert_eq!(ask(refused).await, StatusCode::FORBIDDEN, "{refused}");
    }
    let make = request("POST", "/login", &[("authorization", viewer.as_str())]);
    assert_eq!(room.status(make).await, StatusCode::FORBIDDEN, "viewers make no login links");
}

#[tokio::test]
async fn refusals_are_in_the_form_of_the_client() {
    let room = Room::new();
    for kind in ["application/grpc", "application/grpc-web+proto", "application/grpc-web-text"] {
        let call = request("POST", "/cortex.v1.CameraService/List", &[("content-type", kind)]);
        let answer = room.ask(call).await;
        assert_eq!(answer.status(), StatusCode::OK, "gRPC says it in its own status");
        assert_eq!(
            (&answer.headers()["grpc-status"], &answer.headers()["content-type"]),
            (&"16".parse().unwrap(), &kind.parse().unwrap())
        );
        assert!(!answer.headers()["grpc-message"].is_empty());
    }
    let viewer =
        format!("Bearer {}", room.access.token("boss", "wall", &[Role::Viewer], 0).unwrap().expose());
    let headers = [("content-type", "application/grpc"), ("authorization", viewer.as_str())];
    let answer = room.ask(request("POST", "/cortex.v1.CameraService/Delete", &headers)).await;
    assert_eq!(answer.headers()["grpc-status"], "7");
    let plain = room.ask(get_of("/", &[])).await;
    assert!(text(plain).await.contains("cortex login"));
}

#[tokio::test]
async fn no_web_page_reaches_the_port() {
    let room = Room::new();
    let token = format!("Bearer {}", room.access.token("boss", "t", &[Role::Viewer], 0).unwrap().expose());
    let ask = |headers: &[(&'static str, &'static str)]| {
        let headers: Vec<(&str, &str)> =
            headers.iter().copied().chain([("authorization", token.as_str())]).collect();
        room.status(get_of("/", &headers))
    };
    for good in [
        [("host", "localhost:8080"), ("origin", "http://localhost:8080")],
        [("host", "[::1]:8080"), ("sec-fetch-site", "same-origin")],
        [("host", "cortex.example"), ("origin", "https://cortex.example")],
        [("host", "127.0.0.1"), ("sec-fetch-site", "none")],
    ] {
        assert_eq!(ask(&good).await, StatusCode::OK, "{good:?}");
    }
    for bad in [
        [("host", "evil.example:8080"), ("accept", "*/*")],
        [("host", "localhost.evil.example"), ("accept", "*/*")],
        [("host", "user@localhost@evil"), ("accept", "*/*")],
        [("host", "localhost"), ("host", "evil.example")],
        [("host", "localhost:8080"), ("origin", "http://evil.example")],
        [("host", "localhost:8080"), ("origin", "http://localhost:3000")],
        [("host", "localhost:8080"), ("origin", "null")],
        [("host", "localhost:8080"), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(ask(&bad).await, StatusCode::FORBIDDEN, "{bad:?}");
    }
    let nameless = Request::builder().uri("/").header("authorization", &token).body(Body::empty()).unwrap();
    assert_eq!(room.status(nameless).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_command_line_has_a_token_that_only_its_owner_reads() {
    let room = Room::new();
    let folder = tempfile::tempdir().unwrap();
    let path = room.access.cli_token(folder.path(), None).unwrap();
    let old = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(room.access.bearer(&old).unwrap().unwrap().name, "cli");

    let made = room.ask(request("POST", "/login", &[("authorization", &format!("Bearer {old}"))])).await;
    let address = text(made).await;
    let link = address.trim().strip_prefix("/login?token=").unwrap();
    assert_eq!(room.login(link, LOOPBACK).await.status(), StatusCode::SEE_OTHER);

    let path = room.access.cli_token(folder.path(), None).unwrap();
    assert_eq!(room.access.bearer(&old).unwrap(), None, "the token of an earlier start is void");
    let new = std::fs::read_to_string(path).unwrap();
    room.access.revoke(&new).unwrap();
    assert_eq!(room.access.bearer(&new).unwrap(), None);
}

#[tokio::test]
async fn the_store_has_hashes_only_and_the_audit_has_every_login() {
    let room = Room::new();
    let token = room.access.token("boss", "t", &[Role::Viewer], 60).unwrap();
    let session = room.access.login(room.access.link().unwrap().expose()).unwrap();
    for row in room.store.scan(&Scan::table(&table::ACCESS)).unwrap() {
        for secret in [token.expose(), session.expose()] {
            let raw = hex::decode(secret).unwrap();
            assert!(row.sort != raw && !row.body.windows(32).any(|part| part == raw));
            assert!(!row.body.windows(64).any(|part| part == secret.as_bytes()));
        }
    }
    assert_eq!(audit::verify(&*room.store, "front-0").unwrap().links, 3, "token, link and login");
    assert_eq!(room.access.bearer(session.expose()).unwrap(), None, "a cookie is no bearer token");
    assert!(room.access.bearer(token.expose()).unwrap().is_some());
    room.pass(61);
    assert_eq!(room.access.bearer(token.expose()).unwrap(), None, "it has expired");
}
