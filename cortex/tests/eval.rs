//! Tracks and alerts are judged as the reference scorers judge them, and as people would count.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{fs, path::Path};

use serde_json::Value;

fn cortex(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "").unwrap();
    let output = support::command(&config, folder.path()).args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `bench/peers/scores.py` drew the tracks and wrote down what the reference scorers say.
#[test]
fn tracks_score_as_with_the_reference_scorers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tracks");
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let truth = folder.join("truth.txt");
    let (truth, results) = (truth.to_str().unwrap(), folder.to_str().unwrap());
    let ours = cortex(&["eval", "tracks", "--truth", truth, "--results", results, "--frames", "60"]);
    for scorer in ["trackeval", "motmetrics"] {
        for (name, reference) in expected[scorer].as_object().unwrap() {
            let difference = (ours[name].as_f64().unwrap() - reference.as_f64().unwrap()).abs();
            assert!(difference < 1e-6, "{name}: {} here, {reference} with {scorer}", ours[name]);
        }
    }
}

#[test]
fn alerts_are_found_late_missed_or_false() {
    let folder = tempfile::tempdir().unwrap();
    let alert = |time: f64, rule: &str, x: f64, direction: &str| {
        format!(
            r#"{{"camera":"a","time":{time},"rule":"{rule}","kind":"entry","foot":[{x},0.5],"direction":"{direction}","why":"w"}}"#
        )
    };
    let alerts = [
        alert(10.5, "gate", 0.5, ""),
        alert(20.0, "gate", 0.9, ""), // not at the place of the event
        alert(30.0, "line", 0.5, "left"),
        alert(40.0, "quiet", 0.5, ""), // nothing was to be told
    ];
    fs::write(folder.path().join("anomalies.ndjson"), alerts.join("\n")).unwrap();
    // Half an hour of footage.
    fs::write(folder.path().join("detections.ndjson"), r#"{"camera":"a","time":1800.0}"#).unwrap();
    let truth = folder.path().join("truth.toml");
    let event = |rule: &str, at_s: f64, more: &str| {
        format!("[[events]]\ncamera = 'a'\nrule = '{rule}'\nat_s = {at_s}\n{more}\n")
    };
    let events = [
        event("gate", 10.0, "place = [0.5, 0.5]"),
        event("gate", 20.0, "place = [0.5, 0.5]"),
        event("line", 29.0, "direction = 'right'"),
    ];
    fs::write(&truth, events.concat()).unwrap();
    let results = folder.path().to_str().unwrap();
    let report = cortex(&["eval", "rules", "--truth", truth.to_str().unwrap(), "--results", results]);
    let gate = &report["rules"]["gate"];
    assert_eq!((&gate["recall"], &gate["false_alerts"]), (&0.5.into(), &1.into()));
    assert_eq!((&gate["delays_s"], &gate["false_per_camera_hour"]), (&vec![0.5].into(), &2.0.into()));
    assert_eq!(report["rules"]["line"]["recall"], 0.0, "the other direction is another event");
    assert_eq!(report["rules"]["quiet"]["false_alerts"], 1);
}
