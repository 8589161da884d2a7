//! What comes through the alerter's front and only another stage can do is done by that stage's process, for whoever asked.
//!
//!     redact ── alerter ──(TLS)── cloaker      probe ── alerter ── ingest      enrol, name ── alerter ── recognizer

use std::{fs, path::Path};

use cortex_proto::v1::{
    self, access_service_client::AccessServiceClient, camera_service_client::CameraServiceClient,
    cloak_service_client::CloakServiceClient, embed_service_client::EmbedServiceClient,
    identity_service_client::IdentityServiceClient, probe_service_client::ProbeServiceClient,
};
use tonic::{Code, transport::Channel};

use crate::support::{self, Bearer, fleet::Fleet};

const PATTERN: &str = "test://pattern";

fn probe() -> v1::ProbeRequest {
    v1::ProbeRequest { url: PATTERN.into(), ..Default::default() }
}

/// Recognition allowed, and where the stages share the gallery's key.
fn config(folder: &Path) -> std::path::PathBuf {
    let (path, key) = (folder.join("cortex.toml"), folder.join("gallery.key"));
    let text = format!(
        "profile = \"eu-private\"\n[recognizer]\nenabled = true\n[keys]\npath = {key:?}\n[bus]\nkey = \"{}\"\n",
        "c0".repeat(32)
    );
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_asks_the_stage_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    cortex_runtime::testkit::certify(here, "ours");
    let fleet = Fleet::new(config(here), here);
    let mut encrypted = fleet.stage("cloaker", "cloaker");
    encrypted
        .env("CORTEX__LISTEN__CERTIFICATE", here.join("ours.pem"))
        .env("CORTEX__LISTEN__KEY", here.join("ours.key"));
    let cloaker = fleet.begin(&mut encrypted, "cloaker");
    let (ingest, recognizer) = (fleet.start("ingest", "ingest"), fleet.start("recognizer", "recognizer"));
    let mut front = fleet.stage("alerter", "alerter");
    front
        .env("CORTEX__STAGES__CLOAKER", format!("https://{}", cloaker.address))
        .env("CORTEX__STAGES__CA", here.join("ours.pem"))
        .env("CORTEX__STAGES__INGEST", format!("http://{}", ingest.address))
        .env("CORTEX__STAGES__RECOGNIZER", format!("http://{}", recognizer.address));
    let alerter = fleet.begin(&mut front, "alerter");
    let connection = alerter.connect().await;

    let picture = fs::read(support::astronaut()).unwrap();
    let redact = || v1::RedactRequest { picture: picture.clone() };
    let mut stills = CloakServiceClient::new(connection.clone());
    let redacted = stills.redact(redact()).await.unwrap().into_inner();
    assert!(redacted.redacted >= 1 && redacted.picture.starts_with(&[0xff, 0xd8]), "a JPEG without a face");
    let found = CameraServiceClient::new(connection.clone()).probe(probe()).await.unwrap().into_inner();
    assert!(found.width > 0 && found.fps > 0.0, "{found:?}");
    let mut people = IdentityServiceClient::new(connection.clone());
    let enrol =
        v1::EnrolRequest { name: "Eileen".into(), pictures: vec![picture.clone()], ..Default::default() };
    let person = people.enrol(enrol).await.unwrap().into_inner().person;
    let named = people.name(v1::NameRequest { person }).await.unwrap().into_inner();
    assert_eq!(named.name, "Eileen");

    // The stages' ports ask for the same credentials: none is too little, and a viewer may not probe.
    let direct = Channel::from_shared(format!("http://{}", ingest.address)).unwrap().connect().await.unwrap();
    let nobody = ProbeServiceClient::new(direct.clone()).probe(probe()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated, "{nobody}");
    let viewer = v1::IssueRequest { subject: "wall".into(), roles: vec!["viewer".into()], days: 1 };
    let token = AccessServiceClient::new(connection.clone()).issue(viewer).await.unwrap().into_inner().token;
    let wall = Bearer(format!("Bearer {token}").parse().unwrap());
    let mut wall = ProbeServiceClient::with_interceptor(direct, wall);
    let refused = wall.probe(probe()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    // And write down what they do.
    let verified = fleet.command("alerter").args(["audit", "verify"]).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    for writer in ["alerter-alerter", "cloaker-cloaker", "ingest-ingest", "recognizer-recognizer"] {
        assert!(said.contains(&format!("{writer}: ")), "{writer}: {said}");
    }

    cloaker.kill();
    let gone = stills.redact(redact()).await.unwrap_err();
    assert!(gone.code() == Code::Unavailable && gone.message().contains("does not answer"), "{gone}");
    assert!(alerter.terminate() && ingest.terminate() && recognizer.terminate());

    let alone = fleet.start("alerter", "alerter");
    let mut embeds = EmbedServiceClient::new(alone.connect().await);
    let nowhere = embeds.embed(v1::EmbedRequest { picture }).await.unwrap_err();
    assert!(
        nowhere.code() == Code::Unavailable && nowhere.message().contains("`stages.recognizer`"),
        "{nowhere}"
    );
    assert!(alone.terminate());
}
