//! Recorded footage gives the same answer every time, and says everything that it saw.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{collections::BTreeSet, fs, path::Path};

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
