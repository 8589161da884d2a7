//! The story of somebody who enters and stays too long, judged by event.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cortex_camera::Camera;
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, live_service_client::LiveServiceClient,
    subscribe_response::Event,
};

use tonic::Code;

use super::{Cortex, LIMIT};

/// Between two tries of a client.
pub const AGAIN: Duration = Duration::from_millis(200);

/// Seconds that are allowed: longer than the first life, which ends after half of them.
pub const ALLOWED_S: i64 = 12;

pub fn config(folder: &Path, camera: &Camera) -> PathBuf {
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
pub async fn follow(
    cortex: &Cortex,
    after: v1::Cursor,
    enough: impl Fn(&[v1::Alert], i64) -> bool,
) -> Vec<v1::Alert> {
    let connection = cortex.connect().await;
    let request = v1::SubscribeRequest { filter: None, after: Some(after) };
    let until = Instant::now() + LIMIT;
    // As any client does while a server behind is away.
    let (mut pictures, mut events) = loop {
        let mut live = LiveServiceClient::new(connection.clone());
        let mut service = AlertServiceClient::new(connection.clone());
        let pictures = live.watch(v1::WatchRequest::default()).await;
        match (pictures, service.subscribe(request.clone()).await) {
            (Ok(pictures), Ok(events)) => break (pictures.into_inner(), events.into_inner()),
            (Err(status), _) | (_, Err(status)) => {
                assert!(status.code() == Code::Unavailable && Instant::now() < until, "{status}");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
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
pub fn events(alerts: &[v1::Alert]) -> Vec<(String, i64, i64)> {
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
pub fn told(alerts: &[v1::Alert], newest_us: i64) -> bool {
    let dwell = |alert: &v1::Alert| alert.latest.as_ref().is_some_and(|anomaly| anomaly.kind == "dwell");
    alerts.iter().any(|alert| dwell(alert) && newest_us > alert.last_us + 3_000_000)
}

/// What kinds of events these are.
pub fn kinds(events: &[(String, i64, i64)]) -> Vec<String> {
    events.iter().map(|event| event.0.clone()).collect()
}
