//! Recorded footage gives the same answer every time, and says everything that it saw.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use gstreamer::prelude::*;

/// The first frames of the clip, with the index in front of the pictures.
fn short(folder: &Path, frames: u32) -> std::path::PathBuf {
    let path = folder.join("short.mp4");
    let status = Command::new("gst-launch-1.0")
        .args([
            "-q",
            "filesrc",
            &format!("location={}", support::clip().display()),
            "!",
            "qtdemux",
            "!",
            "h264parse",
        ])
        .args([
            "!",
            "identity",
            &format!("eos-after={frames}"),
            "!",
            "mp4mux",
            "faststart=true",
            "!",
            "filesink",
        ])
        .arg(format!("location={}", path.display()))
        .status()
        .unwrap();
    assert!(status.success());
    path
}

fn analyze(config: &Path, video: &Path, out: &Path, every: &str) -> String {
    let data = out.join("data");
    let mut command = support::command(config, &data);
    command.args(["analyze", "--quiet", "--every", every]).arg(video).arg("--out").arg(out);
    assert!(command.status().unwrap().success());
    fs::read_to_string(out.join("detections.ndjson")).unwrap()
}

#[test]
fn the_same_footage_gives_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let video = support::short(folder.path(), 41);
    let config = folder.path().join("cortex.toml");
    fs::write(
        &config,
        "[[zones]]\nid = 'all'\ncamera = 'short'\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]\n\
         [[rules]]\nid = 'in'\nkind = 'entry'\nzone = 'all'\n",
    )
    .unwrap();
    let one = analyze(&config, &video, &folder.path().join("one"), "1");
    let two = analyze(&config, &video, &folder.path().join("two"), "1");
    assert_eq!(one, two);
    let anomalies =
        |name: &str| fs::read_to_string(folder.path().join(name).join("anomalies.ndjson")).unwrap();
    assert_eq!(anomalies("one"), anomalies("two"));
    assert!(anomalies("one").contains("\"kind\":\"entry\""), "the people of the first frames have entered");

    let lines: Vec<serde_json::Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let frames: BTreeSet<u64> = lines.iter().map(|line| line["frame"].as_u64().unwrap()).collect();
    assert_eq!(frames, (0..frames.len() as u64).collect(), "every frame is analysed");
    assert!(frames.len() >= 40, "{} frames", frames.len());
    let people = lines.iter().filter(|line| line["class"] == "person" && line["score"].as_f64() > Some(0.6));
    assert!(people.filter(|line| line["track"].is_u64()).count() > 80, "people are seen and tracked");

    // Between detector calls tracks are carried.
    let fifth = analyze(&config, &video, &folder.path().join("fifth"), "5");
    let carried = fifth.lines().filter(|line| line.contains("\"state\":\"carried\"")).count();
    assert!(carried > 60, "{carried} boxes were carried");
}

/// A video that breaks off or is none is told by name with the reason; what was seen of it and the others are kept.
#[test]
fn footage_that_cannot_be_read_to_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let video = short(folder.path(), 61);
    let bytes = fs::read(&video).unwrap();
    let (cut, garbage) = (folder.path().join("cut.mp4"), folder.path().join("garbage.mp4"));
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(&garbage, [7; 10_000]).unwrap();
    let (config, out) = (folder.path().join("cortex.toml"), folder.path().join("out"));
    fs::write(&config, "").unwrap();
    let mut command = support::command(&config, folder.path());
    command
        .args(["analyze", "--quiet", "--every", "5"])
        .args([&cut, &garbage, &video])
        .arg("--out")
        .arg(&out);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let of = |name: &str| said.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    assert!(of("cut.mp4").contains("the footage ends at"), "{said}");
    assert!(of("garbage.mp4").len() > "garbage.mp4: ".len() + folder.path().as_os_str().len(), "{said}");
    assert!(of("short.mp4").is_empty() && said.contains("2 of 3 videos"), "{said}");
    let detections = fs::read_to_string(out.join("detections.ndjson")).unwrap();
    let last = |camera: &str| {
        let lines = detections.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["camera"] == camera).filter_map(|line| line["frame"].as_u64()).max()
    };
    assert!(last("cut") > Some(10) && last("cut") < last("short"), "{:?} {:?}", last("cut"), last("short"));
    assert!(last("short") >= Some(59));
}

/// The overlay has every frame at the source's times, redacted, with something drawn over it.
#[test]
fn the_overlay_shows_the_cloaked_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let video = short(folder.path(), 41);
    let (config, out) = (folder.path().join("cortex.toml"), folder.path().join("out"));
    fs::write(
        &config,
        "[cloaker]\nstyle = 'solid'\n\
         [[zones]]\nid = 'all'\ncamera = 'short'\npoints = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]\n\
         [[rules]]\nid = 'in'\nkind = 'entry'\nzone = 'all'\n",
    )
    .unwrap();
    let mut command = support::command(&config, folder.path());
    command.args(["analyze", "--quiet", "--every", "5", "--overlay"]).arg(&video).arg("--out").arg(&out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (source, overlay) = (pictures(&video), pictures(&out.join("short.mp4")));
    assert_eq!(overlay.len(), source.len(), "every frame");
    assert!(overlay.iter().zip(&source).all(|(drawn, shot)| drawn.0.abs_diff(shot.0) < 2_000), "at its time");
    // The first second is redacted whole: grey but for what is drawn, the zone's yellow for one.
    let grey = |frame: &[u8]| share(frame, |p| p.iter().all(|value| value.abs_diff(109) <= 12));
    let yellow = |frame: &[u8]| share(frame, |p| p[0] > 200 && p[1] > 160 && p[2] < 90);
    assert!(grey(&overlay[5].1) > 0.7, "{}", grey(&overlay[5].1));
    let last = &overlay.last().unwrap().1;
    assert!(grey(last) < 0.5, "{}", grey(last));
    // A thin line that the codec blurs; of the footage nothing is left to be yellow.
    assert!(yellow(&overlay[5].1) > 0.0002, "the zone's outline: {}", yellow(&overlay[5].1));
}

/// The share of RGB pixels of which something holds.
fn share(frame: &[u8], holds: impl Fn(&[u8]) -> bool) -> f64 {
    frame.chunks_exact(3).filter(|pixel| holds(pixel)).count() as f64 * 3.0 / frame.len() as f64
}

/// The pictures of a video as RGB, each with its time in microseconds.
fn pictures(video: &Path) -> Vec<(u64, Vec<u8>)> {
    gstreamer::init().unwrap();
    let pipeline = gstreamer::parse::launch(
        "filesrc name=file ! decodebin ! videoconvert ! video/x-raw,format=RGB ! appsink name=sink sync=false",
    );
    let pipeline = pipeline.unwrap().downcast::<gstreamer::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", video);
    let sink = pipeline.by_name("sink").and_downcast::<gstreamer_app::AppSink>().unwrap();
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    let mut pictures = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer().unwrap();
        pictures.push((buffer.pts().unwrap().useconds(), buffer.map_readable().unwrap().to_vec()));
    }
    pipeline.set_state(gstreamer::State::Null).unwrap();
    pictures
}
