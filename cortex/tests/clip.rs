//! Somebody gets an alert and wants to see what led to it: its clip has pictures before and after, at the API and as a file
//! that a player plays as long as it took.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{fs, path::Path, time::Duration};

use cortex_proto::v1::{self, live_service_client::LiveServiceClient};
use gstreamer::prelude::*;
use support::{Cortex, LIMIT, dwell};
use tokio_stream::StreamExt;

const BEFORE_US: i64 = 3_000_000;
const AFTER_US: i64 = 2_000_000;

/// When each picture of a file is shown, and the file's length, as a player sees them.
fn played(file: &Path) -> (Vec<Duration>, Duration) {
    gstreamer::init().unwrap();
    let pipeline = gstreamer::parse::launch(
        "filesrc name=file ! qtdemux ! jpegdec ! videoconvert ! video/x-raw,format=RGB ! appsink name=sink sync=false",
    );
    let pipeline = pipeline.unwrap().downcast::<gstreamer::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", file);
    let sink = pipeline.by_name("sink").and_downcast::<gstreamer_app::AppSink>().unwrap();
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    let mut shown = Vec::new();
    let mut length = None;
    while let Ok(sample) = sink.pull_sample() {
        length = length.or_else(|| pipeline.query_duration::<gstreamer::ClockTime>());
        shown.push(Duration::from_nanos(sample.buffer().unwrap().pts().unwrap().nseconds()));
    }
    pipeline.set_state(gstreamer::State::Null).unwrap();
    (shown, Duration::from_nanos(length.unwrap().nseconds()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clip_of_an_alert_is_fetched_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (data, camera) = (folder.path().join("data"), support::camera());
    let config = support::config(folder.path(), &camera.url());
    let mut up = support::command(&config, &data);
    up.args(["up", "--quiet"])
        .env("CORTEX__CLOAKER__CLIP_BEFORE_S", "3")
        .env("CORTEX__CLOAKER__CLIP_AFTER_S", "2");
    let cortex = Cortex::start(&mut up, &data);

    // The first alerts have nothing before them yet.
    let alerts = cortex.alerts(Some(v1::Cursor::default()), 6).await;
    let alert = alerts.last().unwrap();
    let frame = alert.latest.as_ref().unwrap().frame.clone().unwrap();
    let mut live = LiveServiceClient::new(cortex.connect().await);
    let whole = tokio::time::timeout(LIMIT, async {
        loop {
            match support::recorded(&mut live, &frame).await {
                Some((clip, pictures)) if !clip.recording => break (clip, pictures),
                _ => tokio::time::sleep(dwell::AGAIN).await,
            }
        }
    });
    let (clip, pictures) = whole.await.expect("the clip is recorded to its end");
    assert_eq!((clip.until_us - clip.time_us, clip.time_us - clip.from_us), (AFTER_US, BEFORE_US));
    let times: Vec<i64> = pictures.iter().map(|picture| picture.time_us - clip.time_us).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert!(times[0] < 0 && *times.last().unwrap() > 0, "before and after: {times:?}");
    assert!(pictures.iter().all(|picture| picture.redacted > 0), "nobody is shown as they are");

    // Each picture is in the file, and seen until the next one was made.
    let file = folder.path().join("clip.mp4");
    let pieces = live.clip_file(v1::ClipFileRequest { frame: Some(frame) }).await.unwrap().into_inner();
    let pieces: Vec<v1::ClipFileResponse> = pieces.collect::<Result<_, _>>().await.unwrap();
    fs::write(&file, pieces.into_iter().flat_map(|piece| piece.piece).collect::<Vec<u8>>()).unwrap();
    let (shown, length) = played(&file);
    let whole_ms = |time_us: i64| (clip.time_us + time_us).div_euclid(1000);
    let made: Vec<u128> = times.iter().map(|time| (whole_ms(*time) - whole_ms(times[0])) as u128).collect();
    assert_eq!(shown.iter().map(Duration::as_millis).collect::<Vec<_>>(), made);
    let last = *shown.last().unwrap();
    assert!(length > last && length < last + Duration::from_secs(2), "{length:?}, the last at {last:?}");

    // The command line finds it by the alert, and never writes over another file.
    let saved = folder.path().join("alert.mp4");
    let save = || {
        let mut command = support::command(&config, &data);
        let server = format!("http://{}", cortex.address);
        command.args(["--server", &server, "clip", &alert.id, "--out"]).arg(&saved).output().unwrap()
    };
    let output = save();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!played(&saved).0.is_empty());
    assert!(!save().status.success());
    assert!(cortex.terminate());
}
