//! Whatever changes something or is sensitive is written down first, and not done when it cannot be.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod support;

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::atomic::Ordering};

use cortex_alerter::Front;
use cortex_proto::v1::{
    self, access_service_server::AccessService, alert_service_server::AlertService,
    camera_service_server::CameraService, cloak_service_server::CloakService,
    debug_service_server::DebugService, delete_rule_request, embed_service_server::EmbedService,
    identity_service_server::IdentityService, live_service_server::LiveService,
    match_service_server::MatchService, rule_service_server::RuleService, upsert_rule_request,
    watchlist_service_server::WatchlistService,
};
use cortex_runtime::access::roles::METHODS;
use support::{Room, by_ada, camera};
use tonic::{Code, Status};

type Outcome = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;
/// A method, how it is called, and what the audit says of it.
type Case = (&'static str, fn(Front) -> Outcome, (&'static str, &'static str));

/// Methods that a stage serves and the front does not.
const ELSEWHERE: &[&str] = &["ProbeService/Probe"];

/// Methods that only show what everybody who may call them sees anyway.
const SHOWS: &[&str] = &[
    "AlertService/Subscribe",
    "AlertService/List",
    "AlertService/Precision",
    "CameraService/List",
    "CameraService/WatchStatus",
    "LogService/Tail",
    "LogService/List",
    "IdentityService/Name",
    "LiveService/Watch",
    "LiveService/Still",
    "LiveService/Clip",
    "RuleService/List",
];

macro_rules! case {
    ($method:literal, $service:ident :: $call:ident ($request:expr), $action:literal, $object:literal) => {{
        let case: Case = (
            $method,
            |front| Box::pin(async move { $service::$call(&front, by_ada($request)).await.map(drop) }),
            ($action, $object),
        );
        case
    }};
}

fn rule() -> v1::Rule {
    v1::Rule { id: "r".into(), kind: "entry".into(), ..Default::default() }
}

fn cases() -> Vec<Case> {
    vec![
        case!(
            "CameraService/Upsert",
            CameraService::upsert(v1::UpsertCameraRequest { camera: Some(camera("cam", "s")) }),
            "upsert",
            "cam"
        ),
        case!(
            "CameraService/Probe",
            CameraService::probe(v1::ProbeRequest {
                url: "rtsp://host:8554/live?password=x".into(),
                ..Default::default()
            }),
            "probe",
            "rtsp://host:8554"
        ),
        case!(
            "RuleService/Upsert",
            RuleService::upsert(v1::UpsertRuleRequest {
                entry: Some(upsert_rule_request::Entry::Rule(rule()))
            }),
            "upsert",
            "r"
        ),
        case!(
            "RuleService/Delete",
            RuleService::delete(v1::DeleteRuleRequest {
                entry: Some(delete_rule_request::Entry::Rule("r".into()))
            }),
            "delete",
            "r"
        ),
        case!(
            "CameraService/Delete",
            CameraService::delete(v1::DeleteCameraRequest { id: "cam".into() }),
            "delete",
            "cam"
        ),
        case!(
            "IdentityService/Enrol",
            IdentityService::enrol(v1::EnrolRequest { name: "Grace Hopper".into(), ..Default::default() }),
            "enrol",
            "person"
        ),
        case!("IdentityService/List", IdentityService::list(v1::ListIdentitiesRequest {}), "list", "people"),
        case!(
            "IdentityService/Delete",
            IdentityService::delete(v1::DeleteIdentityRequest { person: "p1".into() }),
            "forget",
            "p1"
        ),
        case!(
            "IdentityService/Import",
            IdentityService::import(v1::ImportRequest::default()),
            "import",
            "people"
        ),
        case!(
            "IdentityService/Merge",
            IdentityService::merge(v1::MergeRequest { person: "p1".into(), same: "p2".into() }),
            "merge",
            "p1"
        ),
        case!(
            "IdentityService/Split",
            IdentityService::split(v1::SplitRequest { person: "p2".into() }),
            "split",
            "p2"
        ),
        case!(
            "IdentityService/Check",
            IdentityService::check(v1::CheckRequest::default()),
            "check",
            "gallery"
        ),
        case!("IdentityService/Renew", IdentityService::renew(v1::RenewRequest {}), "renew", "gallery"),
        case!(
            "IdentityService/Sightings",
            IdentityService::sightings(v1::SightingsRequest { person: "p1".into(), ..Default::default() }),
            "sightings",
            "p1"
        ),
        case!(
            "IdentityService/Strangers",
            IdentityService::strangers(v1::StrangersRequest {}),
            "list",
            "strangers"
        ),
        case!(
            "IdentityService/Ignore",
            IdentityService::ignore(v1::IgnoreRequest { stranger: "s1".into() }),
            "ignore",
            "s1"
        ),
        case!(
            "IdentityService/Assign",
            IdentityService::assign(v1::AssignRequest { stranger: "s1".into(), ..Default::default() }),
            "assign",
            "s1"
        ),
        case!(
            "WatchlistService/List",
            WatchlistService::list(v1::ListWatchlistsRequest {}),
            "list",
            "watchlists"
        ),
        case!(
            "WatchlistService/Upsert",
            WatchlistService::upsert(v1::UpsertWatchlistRequest {
                watchlist: Some(v1::Watchlist { id: "wanted".into(), ..Default::default() })
            }),
            "upsert watchlist",
            "wanted"
        ),
        case!(
            "WatchlistService/Delete",
            WatchlistService::delete(v1::DeleteWatchlistRequest { id: "wanted".into() }),
            "delete watchlist",
            "wanted"
        ),
        case!("MatchService/List", MatchService::list(v1::ListMatchesRequest::default()), "list", "matches"),
        case!(
            "MatchService/Decide",
            MatchService::decide(v1::DecideRequest { r#match: "m1".into(), ..Default::default() }),
            "decide",
            "m1"
        ),
        case!(
            "MatchService/Reveal",
            MatchService::reveal(v1::RevealRequest { r#match: "m1".into() }),
            "reveal",
            "m1"
        ),
        case!(
            "CloakService/Redact",
            CloakService::redact(v1::RedactRequest { picture: vec![1] }),
            "redact",
            "picture"
        ),
        case!(
            "EmbedService/Embed",
            EmbedService::embed(v1::EmbedRequest { picture: vec![1] }),
            "embed",
            "picture"
        ),
        case!(
            "DebugService/Tap",
            DebugService::tap(v1::TapRequest { topic: "anomalies".into(), ..Default::default() }),
            "tap",
            "anomalies"
        ),
        case!(
            "AccessService/Issue",
            AccessService::issue(v1::IssueRequest {
                subject: "wall".into(),
                roles: vec!["viewer".into()],
                days: 1
            }),
            "token",
            "wall"
        ),
        case!(
            "AccessService/Revoke",
            AccessService::revoke(v1::RevokeRequest { subject: "wall".into() }),
            "revoke",
            "wall"
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_changes_is_written_before_it_is_done() {
    let room = Room::new();
    for (method, call, (action, object)) in cases() {
        let before = room.audited().len();
        call(room.front.clone()).await.unwrap_or_else(|status| panic!("{method}: {status}"));
        let links = room.audited();
        let link = links.get(before).unwrap_or_else(|| panic!("{method} is not audited"));
        assert_eq!((link.0.as_str(), link.1.as_str(), link.2.as_str()), ("ada", action, object), "{method}");
    }
    // An acknowledgement answers when its revision is there; here is no alerter, so only its audit is seen.
    let acknowledging = {
        let front = room.front.clone();
        let request =
            by_ada(v1::AcknowledgeRequest { alert: "a1".into(), site: "s".into(), ..Default::default() });
        tokio::spawn(async move { AlertService::acknowledge(&front, request).await.map(drop) })
    };
    while !room.audited().contains(&("ada".into(), "acknowledge".into(), "a1".into())) {
        tokio::task::yield_now().await;
    }
    acknowledging.abort();
    let commenting = {
        let front = room.front.clone();
        let request = v1::CommentRequest { alert: "a1".into(), site: "s".into(), comment: "seen".into() };
        tokio::spawn(async move { AlertService::comment(&front, by_ada(request)).await.map(drop) })
    };
    while !room.audited().contains(&("ada".into(), "comment".into(), "a1".into())) {
        tokio::task::yield_now().await;
    }
    commenting.abort();
    let all = format!("{:?}", room.audited());
    assert!(!all.contains("Grace") && !all.contains("password"), "{all}");

    let covered: BTreeSet<&str> = cases()
        .iter()
        .map(|case| case.0)
        .chain(SHOWS.iter().copied())
        .chain(ELSEWHERE.iter().copied())
        // That one is in `clip.rs`, since it needs a clip.
        .chain(["AlertService/Acknowledge", "AlertService/Comment", "LiveService/ClipFile"])
        .collect();
    let known: BTreeSet<&str> = METHODS.iter().map(|(method, _)| *method).collect();
    assert_eq!(known, covered, "a new method is audited, or shows what everybody sees");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_audited_is_not_done() {
    let room = Room::new();
    room.control.upsert_camera(camera("cam", "s")).unwrap();
    room.control.upsert_rule(rule()).unwrap();
    let before = room.control.tables();
    room.store.broken.store(true, Ordering::Relaxed);
    let acknowledge: Case = case!(
        "AlertService/Acknowledge",
        AlertService::acknowledge(v1::AcknowledgeRequest::default()),
        "acknowledge",
        ""
    );
    let comment: Case = case!(
        "AlertService/Comment",
        AlertService::comment(v1::CommentRequest { comment: "seen".into(), ..Default::default() }),
        "comment",
        ""
    );
    let clip: Case =
        case!("LiveService/ClipFile", LiveService::clip_file(v1::ClipFileRequest::default()), "clip", "");
    for (method, call, _) in cases().into_iter().chain([acknowledge, comment, clip]) {
        let status = call(room.front.clone()).await.expect_err(method);
        assert_eq!(status.code(), Code::Unavailable, "{method}: {status}");
    }
    let after = room.control.tables();
    assert_eq!((before.cameras, before.rules), (after.cameras, after.rules));
    assert_eq!(room.handed.load(Ordering::Relaxed), 0, "no other stage was asked");
}
