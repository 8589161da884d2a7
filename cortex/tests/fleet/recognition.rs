//! Somebody is enrolled through the alerter by one request and known by the recognizer, from faces that the detector picked
//! out: three processes, and nothing clear between the last two.
//!
//!     enroll ── alerter ── recognizer ──> store        camera ── ingest ── detector ── chips, sealed ── recognizer ──> identities
//!
//! The recognizer dies while people are added: those who were acknowledged are there, and of those who were not, each whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::{
    topics,
    v1::{self, identity_service_client::IdentityServiceClient},
};
use cortex_runtime::bus::{Bus, From, Tail, Take};

use crate::support::{
    self, Connection, Cortex, LIMIT,
    fleet::{Fleet, recognising},
};

/// People of one request; adding them takes a second or so.
const MANY: usize = 100;

/// The first who is known, in a later version of the gallery than this.
fn known(identities: &mut dyn Tail, after: u64) -> v1::Identity {
    let until = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < until, "nobody is known");
        let records = identities.next(Take { count: 16, wait: LIMIT }).unwrap();
        let identities = records.iter().map(|record| record.message::<v1::Identity>().unwrap());
        let later = |identity: &v1::Identity| !identity.person.is_empty() && identity.gallery_version > after;
        if let Some(known) = identities.into_iter().find(|identity| later(identity)) {
            return v1::Identity::clone(&known);
        }
    }
}

/// Adds many people, all on one list; names begin with that of their batch.
async fn add(
    people: &mut IdentityServiceClient<Connection>,
    batch: &str,
) -> Result<tonic::Response<v1::ImportResponse>, tonic::Status> {
    let descriptor = |number: usize| (0..128).map(move |place| f64::from(u8::from(place == number)) / 2.0);
    let person = |number| {
        let descriptors = [descriptor(number).collect::<Vec<f64>>()];
        serde_json::json!({ "label": format!("{batch}-{number}"), "descriptors": descriptors })
    };
    let json = serde_json::to_vec(&(0..MANY).map(person).collect::<Vec<_>>()).unwrap();
    people.import(v1::ImportRequest { json, lists: vec!["staff".to_owned()] }).await
}

#[test]
fn who_is_enrolled_at_one_process_is_known_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let config = recognising(folder.path(), &camera.url(), "");
    let fleet = Fleet::new(config, folder.path());
    let (front, person) = fleet.enrolled();

    let mut identities = fleet.bus().tail(&[&topics::IDENTITIES], From::End).unwrap();
    let (detector, ingest) = (fleet.start("detector", "detector"), fleet.start("ingest", "ingest"));
    let known = known(&mut *identities, 0);
    assert_eq!((known.person.as_str(), known.camera.as_str()), (person.as_str(), "hall"));
    assert!([ingest, detector].into_iter().chain(front).all(Cortex::terminate));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recognizer_may_die_while_people_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let later = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    later.freeze(true);
    let lines = format!("[[cameras]]\nid = 'yard'\nurl = '{}'", later.url());
    let fleet = Fleet::new(recognising(folder.path(), &camera.url(), &lines), folder.path());
    let ([recognizer, alerter], person) = fleet.enrolled();
    let mut identities = fleet.bus().tail(&[&topics::IDENTITIES], From::End).unwrap();
    let mut audit = fleet.bus().tail(&[&topics::AUDIT], From::End).unwrap();
    let (detector, ingest) = (fleet.start("detector", "detector"), fleet.start("ingest", "ingest"));
    let before = known(&mut *identities, 0);

    let mut people = IdentityServiceClient::new(alerter.connect().await);
    add(&mut people, "first").await.unwrap();
    // Each has a key of their own: some are written, and others are not.
    let (keys, address) = (folder.path().join("master.people"), recognizer.address.clone());
    let killed = async {
        let until = Instant::now() + LIMIT;
        while fs::read_dir(&keys).unwrap().count() < 1 + MANY + MANY / 10 {
            assert!(Instant::now() < until, "nobody is added");
            tokio::task::yield_now().await;
        }
        recognizer.kill();
    };
    let (second, ()) = tokio::join!(add(&mut people, "second"), killed);
    let acknowledged = second.is_ok();
    let mut again = fleet.stage("recognizer", "recognizer");
    let recognizer = fleet.begin(again.env("CORTEX__LISTEN__ADDRESS", address), "recognizer");

    let all = people.list(v1::ListIdentitiesRequest {}).await.unwrap().into_inner().people;
    let mut batches: BTreeMap<&str, Vec<&v1::Person>> = BTreeMap::new();
    all.iter().for_each(|one| batches.entry(one.name.split('-').next().unwrap()).or_default().push(one));
    assert_eq!(batches["first"].len(), MANY, "whoever was acknowledged is there");
    assert!(all.iter().all(|person| person.embeddings > 0), "each is whole: {all:?}");
    let second = batches.get("second").map_or(&[][..], Vec::as_slice);
    let looked_for = second.iter().filter(|person| !person.lists.is_empty()).count();
    assert!(
        [0, MANY].contains(&looked_for),
        "a list is the old or the new: {looked_for} of {}",
        second.len()
    );
    assert!(!acknowledged || looked_for == MANY, "what was acknowledged is in force");
    add(&mut people, "third").await.unwrap();

    // She comes elsewhere, and whoever goes on knows her by a version that nobody had before.
    later.freeze(false);
    let after = known(&mut *identities, before.gallery_version);
    assert_eq!((&before.person, &after.person), (&person, &person));
    let mut matches = BTreeSet::new();
    while let records = audit.next(Take { count: 64, wait: Duration::from_secs(1) }).unwrap()
        && !records.is_empty()
    {
        let entries = records.iter().map(|record| record.message::<v1::Audit>().unwrap());
        matches.extend(entries.filter(|entry| entry.action == "match").map(|entry| entry.detail.clone()));
    }
    for identity in [before, after] {
        let frame = identity.frame.unwrap();
        let audited = format!("frame {}/{}, gallery {}", frame.epoch, frame.seq, identity.gallery_version);
        assert!(matches.iter().any(|detail| detail.contains(&audited)), "{audited}: {matches:?}");
    }
    assert!([ingest, detector, alerter, recognizer].into_iter().all(Cortex::terminate));
}
