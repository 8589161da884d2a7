//! Cameras, zones and rules come and go through the API while everything runs. What is added is looked at, what is wrong is
//! refused or told of, what is removed falls silent.
//!
//!     a camera is added ── is well ── a zone and a rule ── has stayed too long ── the camera is removed ── silence

use std::{fs, net::TcpListener, time::Instant};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::{
    topics,
    v1::{
        self, camera_service_client::CameraServiceClient, rule_service_client::RuleServiceClient,
        upsert_rule_request::Entry,
    },
};
use cortex_runtime::bus::{Bus as _, From, Take};
use tonic::{Code, Status};

use crate::support::{self, Connection, Cortex, LIMIT, dwell::follow, fleet::Fleet};

/// So often another camera, which speaks once a second, speaks in turn before one is taken to be silent.
const SILENCE: u32 = 3;

type Cameras = CameraServiceClient<Connection>;

async fn add(cameras: &mut Cameras, id: &str, url: &str) -> Result<v1::Camera, Status> {
    let camera = v1::Camera { id: id.to_owned(), url: url.to_owned(), ..Default::default() };
    let answer = cameras.upsert(v1::UpsertCameraRequest { camera: Some(camera) }).await?;
    Ok(answer.into_inner().camera.unwrap())
}

/// Adds a zone or rule. Answers its version.
async fn put(rules: &mut RuleServiceClient<Connection>, entry: Entry) -> Result<u64, Status> {
    let answer = rules.upsert(v1::UpsertRuleRequest { entry: Some(entry) }).await?;
    Ok(answer.into_inner().version)
}

/// The first that a stage says of a camera that is `wanted`, as somebody sees it who watches.
async fn heard(cameras: &mut Cameras, camera: &str, wanted: impl Fn(&v1::Status) -> bool) -> v1::Status {
    let request = v1::WatchStatusRequest { cameras: vec![camera.to_owned()] };
    let mut all = cameras.watch_status(request).await.unwrap().into_inner();
    let waiting = async {
        loop {
            let status = all.message().await.unwrap().unwrap();
            if let Some(status) = status.stages.into_iter().find(&wanted) {
                break status;
            }
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("{camera} is not told of"))
}

fn zone() -> v1::Zone {
    let points = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| v1::Point { x, y }).to_vec();
    v1::Zone {
        id: "all".into(),
        camera: "hall".into(),
        shape: v1::Shape::Polygon as i32,
        points,
        ..Default::default()
    }
}

/// Whoever stays longer than a second, which is the number of this name.
fn rule(name: &str) -> v1::Rule {
    v1::Rule {
        id: "stays".into(),
        kind: "dwell".into(),
        camera: "hall".into(),
        zone: "all".into(),
        severity: v1::Severity::Medium as i32,
        parameters: [(name.to_owned(), 1.0)].into(),
        gap_s: 60.0,
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_changes_is_in_force_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "").unwrap();
    let fleet = Fleet::new(config, folder.path());
    let [alerter, detector, ingest] =
        ["alerter", "detector", "ingest"].map(|stage| fleet.start(stage, stage));
    let connection = alerter.connect().await;
    let mut cameras = CameraServiceClient::new(connection.clone());
    let mut rules = RuleServiceClient::new(connection);

    let hall = add(&mut cameras, "hall", &camera.url()).await.unwrap();
    // A port that was free a moment ago, where nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let yard = add(&mut cameras, "yard", &format!("rtsp://{closed}/")).await.unwrap();
    let refused = add(&mut cameras, "roof", "ftp://127.0.0.1/").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("scheme `ftp` is not allowed"), "{refused}");
    let well = heard(&mut cameras, "hall", |status| status.stage == "detector" && status.analysed > 0).await;
    assert_eq!((well.camera_version, well.error.as_str()), (hall.version, ""));
    let lost = heard(&mut cameras, "yard", |status| !status.error.is_empty()).await;
    assert_eq!((lost.stage.as_str(), lost.connected), ("ingest", false), "{lost:?}");
    assert_eq!(lost.camera_version, yard.version, "{lost:?}");

    put(&mut rules, Entry::Zone(zone())).await.unwrap();
    for (wrong, why) in [
        (rule("secs"), "secs: `dwell` has no such parameter; it has seconds"),
        (v1::Rule { zone: "nowhere".into(), ..rule("seconds") }, "zone: there is no zone `nowhere`"),
    ] {
        let refused = put(&mut rules, Entry::Rule(wrong)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().starts_with(why), "{refused}");
    }
    let version = put(&mut rules, Entry::Rule(rule("seconds"))).await.unwrap();
    heard(&mut cameras, "hall", |status| status.stage == "detector" && status.rules_version == version).await;
    let stayed = |alerts: &[v1::Alert]| {
        alerts.iter().filter_map(|alert| alert.latest.clone()).find(|anomaly| anomaly.rule == "stays")
    };
    let alerts = follow(&alerter, v1::Cursor::default(), |alerts, _| stayed(alerts).is_some()).await;
    let anomaly = stayed(&alerts).unwrap();
    assert_eq!((anomaly.camera.as_str(), anomaly.place.as_str()), ("hall", "all"), "{anomaly:?}");
    assert_eq!(anomaly.rule_version, version, "{anomaly:?}");

    let mut tail = fleet.bus().tail(&[&topics::DETECTIONS, &topics::STATUS], From::End).unwrap();
    cameras.delete(v1::DeleteCameraRequest { id: "hall".into() }).await.unwrap();
    let (until, mut silence) = (Instant::now() + LIMIT, 0);
    while silence < SILENCE {
        assert!(Instant::now() < until, "a camera that was removed is looked at");
        for record in tail.next(Take { count: 64, wait: LIMIT }).unwrap() {
            silence = if record.partition == hall.partition { 0 } else { silence + 1 };
        }
    }
    let left = cameras.list(v1::ListCamerasRequest {}).await.unwrap().into_inner().cameras;
    let left: Vec<_> = left.into_iter().map(|status| status.camera.unwrap().id).collect();
    assert_eq!(left, ["yard"]);
    assert!([ingest, detector, alerter].into_iter().all(Cortex::terminate));
}
