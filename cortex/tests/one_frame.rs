//! One frame through all five stages, as ARCHITECTURE.md walks it: a real camera, the real binary, a foreign client.
//!
//!     RTSP camera → ingest → detector → recognizer (off) → cloaker → live view
//!                               └→ anomalies → alerter → gRPC
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use cortex_proto::v1::{
    self, camera_service_client::CameraServiceClient, debug_service_client::DebugServiceClient,
    identity_service_client::IdentityServiceClient, live_service_client::LiveServiceClient,
    log_service_client::LogServiceClient,
};
use support::{Cortex, LIMIT};

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_becomes_a_cloaked_picture_and_an_alert_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let camera = support::camera();
    let config = support::config(folder.path(), &camera.url());
    let cortex = Cortex::up(&config, &folder.path().join("data"));

    let alerts = cortex.alerts(Some(v1::Cursor::default()), 2).await;
    assert!(alerts.iter().all(|alert| alert.camera == "campus" && !alert.why.is_empty()), "{alerts:?}");
    let latest = alerts[0].latest.clone().unwrap();
    assert!(latest.models.contains_key("objects") && latest.frame.is_some(), "{latest:?}");

    let connection = cortex.connect().await;
    let mut live = LiveServiceClient::new(connection.clone());
    let mut pictures = live.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let picture = loop {
        let picture = tokio::time::timeout(LIMIT, pictures.message()).await.unwrap().unwrap().unwrap();
        if picture.blanked.is_empty() && !picture.objects.is_empty() {
            break picture;
        }
    };
    assert!(picture.redacted > 0 && picture.jpeg.starts_with(&[0xff, 0xd8]), "{} regions", picture.redacted);

    // The still of the alert's frame was kept, cloaked.
    let frame = latest.frame.unwrap();
    let mut asks = live.clone();
    let still = tokio::time::timeout(LIMIT, async move {
        loop {
            match asks.still(v1::StillRequest { frame: Some(frame.clone()) }).await {
                Ok(still) => break still.into_inner(),
                // Stills are stored behind their publication, within a second.
                Err(status) if status.code() == tonic::Code::NotFound => tokio::task::yield_now().await,
                Err(status) => panic!("{status}"),
            }
        }
    });
    let still = still.await.expect("the alert's still is kept");
    assert!(still.jpeg.starts_with(&[0xff, 0xd8]));

    let mut log = LogServiceClient::new(connection.clone());
    let entries = log.list(v1::ListLogRequest::default()).await.unwrap().into_inner().entries;
    assert!(entries.iter().any(|entry| entry.kind() == v1::LogKind::Anomaly), "{entries:?}");

    let cameras = CameraServiceClient::new(connection.clone())
        .list(v1::ListCamerasRequest {})
        .await
        .unwrap()
        .into_inner();
    let stages: Vec<&str> = cameras.cameras[0].stages.iter().map(|status| status.stage.as_str()).collect();
    assert!(["ingest", "detector", "cloaker"].iter().all(|stage| stages.contains(stage)), "{stages:?}");

    // A file owns the camera: the API does not change it.
    let conflicting = v1::Camera { id: "campus".into(), url: "test://pattern".into(), ..Default::default() };
    let request = v1::UpsertCameraRequest { camera: Some(conflicting) };
    let refused = CameraServiceClient::new(connection.clone()).upsert(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");

    // Recognition is locked in this profile.
    let enrol = v1::EnrolRequest { name: "somebody".into(), pictures: vec![vec![1]], lists: vec![] };
    let refused = IdentityServiceClient::new(connection.clone()).enrol(enrol).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");

    // The tap shows what flows, and never a picture.
    let tap = v1::TapRequest { topic: "frames".into(), camera: "campus".into() };
    let mut frames = DebugServiceClient::new(connection).tap(tap).await.unwrap().into_inner();
    let json = tokio::time::timeout(LIMIT, frames.message()).await.unwrap().unwrap().unwrap().json;
    let frame: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (frame["id"]["camera"].as_str(), frame["picture"].as_array().map(Vec::len)),
        (Some("campus"), Some(0))
    );

    assert!(cortex.terminate(), "it drains and ends well");
}
