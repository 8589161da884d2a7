//! A power cut in mid-dwell: somebody stands in a zone, and the process dies before the dwell rule fires. What is told
//! over both lives is what one undisturbed life tells: one entry, one dwell that counts from the entry, each once.
//!
//!     up ── enters ── kill -9 ── up ── resume ── has stayed too long
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, live_service_client::LiveServiceClient,
    subscribe_response::Event,
};
use support::{Cortex, LIMIT};

/// Seconds that are allowed: longer than the first life, which ends after half of them.
const ALLOWED_S: i64 = 12;

fn config(folder: &Path, camera: &Camera) -> PathBuf {
    let path = folder.join("cortex.toml");
    let text = format!(
        "[[cameras]]\nid = 'hall'\nurl = '{}'\n\
         [[zones]]\nid = 'all'\ncamera = 'hall'\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]\n\
         [[rules]]\nid = 'in'\nkind = 'entry'\nzone = 'all'\nclasses = ['person']\n\
         [[rules]]\nid = 'stays'\nkind = 'dwell'\nzone = 'all'\nclasses = ['person']\nseconds = {ALLOWED_S}\n\
         gap_s = 60\n",
        camera.url()
    );
    fs::write(&path, text).unwrap();
    path
}

/// Alerts after a cursor until `enough` says so of them and of the stream time of the newest picture.
async fn follow(
    cortex: &Cortex,
    after: v1::Cursor,
    enough: impl Fn(&[v1::Alert], i64) -> bool,
) -> Vec<v1::Alert> {
    let connection = cortex.connect().await;
    let mut live = LiveServiceClient::new(connection.clone());
    let mut pictures = live.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let request = v1::SubscribeRequest { filter: None, after: Some(after) };
    let mut events = AlertServiceClient::new(connection).subscribe(request).await.unwrap().into_inner();
    let (mut alerts, mut newest_us) = (Vec::new(), 0);
    let following = async {
        while !enough(&alerts, newest_us) {
            tokio::select! {
                event = events.message() => match event.unwrap().unwrap().event {
                    Some(Event::Alert(alert)) => alerts.push(alert),
                    _ => continue,
                },
                picture = pictures.message() => newest_us = picture.unwrap().unwrap().time_us,
            }
        }
    };
    tokio::time::timeout(LIMIT, following).await.expect("alerts and pictures come");
    alerts
}

/// What happened to whom and when, in order: the judgement is by event, not by id.
fn events(alerts: &[v1::Alert]) -> Vec<(String, i64, i64)> {
    let mut events: Vec<_> = alerts
        .iter()
        .filter(|alert| alert.change != "closed")
        .map(|alert| alert.latest.as_ref().unwrap())
        .map(|anomaly| (anomaly.kind.clone(), anomaly.began_us, anomaly.time_us))
        .collect();
    events.sort_by_key(|event| event.2);
    events
}

/// Both rules were told of, and then some time passed in which they could have been told again. They are one incident:
/// the latest anomaly of a revision says which.
fn told(alerts: &[v1::Alert], newest_us: i64) -> bool {
    let dwell = |alert: &v1::Alert| alert.latest.as_ref().is_some_and(|anomaly| anomaly.kind == "dwell");
    alerts.iter().any(|alert| dwell(alert) && newest_us > alert.last_us + 3_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_alert_is_lost_and_none_doubled() {
    let folder = tempfile::tempdir().unwrap();
    // The person is the same, and at the same place, in both lives: every event has one subject, and its time alone
    // tells whether it is the same event.
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let config = config(folder.path(), &camera);
    let kinds = |events: &[(String, i64, i64)]| events.iter().map(|e| e.0.clone()).collect::<Vec<_>>();

    let undisturbed = Cortex::up(&config, &folder.path().join("undisturbed"));
    let reference = events(&follow(&undisturbed, v1::Cursor::default(), told).await);
    assert!(undisturbed.terminate());
    assert_eq!(kinds(&reference), ["entry", "dwell"]);

    let data = folder.path().join("data");
    let first = Cortex::up(&config, &data);
    let before = follow(&first, v1::Cursor::default(), |alerts, newest_us| {
        alerts.iter().any(|entry| newest_us > entry.first_us + ALLOWED_S * 500_000)
    });
    let before = before.await;
    first.kill();
    assert_eq!(kinds(&events(&before)), ["entry"], "killed while the timer runs");

    // One client goes on from what it saw, one begins at the beginning.
    let second = Cortex::up(&config, &data);
    let resumed = follow(&second, support::cursor(&before), told).await;
    let anew = second.alerts(Some(v1::Cursor::default()), before.len() + resumed.len()).await;
    assert!(second.terminate());

    let both = [before, resumed].concat();
    let happened = events(&both);
    assert_eq!(kinds(&happened), kinds(&reference), "each once, as without a power cut: {happened:?}");
    let ((_, entered_us, killed_after_us), (_, since_us, fired_us)) = (&happened[0], &happened[1]);
    assert!(since_us <= killed_after_us, "the dwell began in the first life: {happened:?}");
    assert!(fired_us - entered_us >= ALLOWED_S * 1_000_000, "{happened:?}");

    let place = |alert: &v1::Alert| (alert.partition, alert.sequence);
    let said = |alerts: &[v1::Alert]| -> BTreeMap<_, _> {
        alerts.iter().map(|alert| (place(alert), (alert.id.clone(), alert.revision))).collect()
    };
    assert_eq!(said(&anew), said(&both), "both clients are told the same");
    let revisions: BTreeSet<_> = said(&anew).into_values().collect();
    assert_eq!(revisions.len(), anew.len(), "no revision comes twice");
    let mut sequences = BTreeMap::<u32, Vec<u64>>::new();
    said(&anew).into_keys().for_each(|(partition, n)| sequences.entry(partition).or_default().push(n));
    assert!(sequences.values().all(|all| all.iter().copied().eq(1..=all.len() as u64)), "{sequences:?}");
}
