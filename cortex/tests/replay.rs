//! What real footage gave can be replayed and explained from what was stored.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const ZONE: &str =
    "[[zones]]\nid = 'all'\ncamera = 'short'\nname = 'Campus'\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]\n";

fn rules(folder: &Path, name: &str, dwell_s: f64) -> std::path::PathBuf {
    let path = folder.join(name);
    let rules = format!(
        "[[rules]]\nid = 'in'\nkind = 'entry'\nzone = 'all'\n\
         [[rules]]\nid = 'stay'\nkind = 'dwell'\nzone = 'all'\nseconds = {dwell_s}\n"
    );
    fs::write(&path, format!("{ZONE}{rules}")).unwrap();
    path
}

fn good(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn real_footage_replays_byte_for_byte_and_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let video = support::short(folder.path(), 61);
    let config = rules(folder.path(), "cortex.toml", 3.0);
    let store = path("past.sqlite");
    let cortex = || support::command(&config, &path("data"));
    let mut analyze = cortex();
    analyze.args(["analyze", "--quiet", "--every", "3"]).arg(&video).arg("--out").arg(path("out"));
    good(analyze.arg("--store").arg(&store));
    let told = fs::read_to_string(path("out").join("anomalies.ndjson")).unwrap().lines().count();
    assert!(told > 4, "{told} alerts");

    let replay = |rules: &Path| -> Value {
        let mut command = cortex();
        command.args(["replay", "--from", "0", "--to", "60", "--json", "--rules"]).arg(rules);
        serde_json::from_slice(&good(command.arg("--store").arg(&store)).stdout).unwrap()
    };
    let same = replay(&config);
    let unchanged = same["unchanged"].as_array().unwrap();
    assert_eq!(unchanged.len(), told);
    assert!(unchanged.iter().all(|pair| pair["exact"] == true), "every byte is the same");
    let none: Vec<Value> = Vec::new();
    assert_eq!((same["gained"].as_array(), same["lost"].as_array()), (Some(&none), Some(&none)));

    // Nobody stays for a minute in six seconds.
    let patient = replay(&rules(folder.path(), "patient.toml", 60.0));
    let lost = patient["lost"].as_array().unwrap();
    assert!(!lost.is_empty() && lost.iter().all(|alert| alert["rule"] == "stay"), "{lost:?}");
    assert_eq!(patient["changed"][0], "stay");

    let id = lost[0]["id"].as_str().unwrap();
    let picture = path("why.svg");
    let mut explain = cortex();
    explain.args(["explain", &id[..12], "--store"]).arg(&store).arg("--out").arg(&picture);
    let text = String::from_utf8(good(&mut explain).stdout).unwrap();
    let parts =
        [lost[0]["why"].as_str().unwrap(), "seconds = 3", "dwell_s", "sha256:", "short/main/", "calibr"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let picture = fs::read_to_string(picture).unwrap();
    let drawn = ["data:image/jpeg;base64,", "<polygon", "<polyline", "Campus"];
    assert!(drawn.iter().all(|part| picture.contains(part)), "still, zone and path");

    // Nobody has stayed for three seconds after one.
    let mut explain = cortex();
    explain.args(["explain", "--camera", "short", "--at", "1.0", "--json", "--store"]).arg(&store);
    let report: Value = serde_json::from_slice(&good(&mut explain).stdout).unwrap();
    let looks = report["rules"].as_array().unwrap();
    let short = |look: &&Value| look["rule"] == "stay" && look["stopped"] == "not enough";
    let near =
        looks.iter().find(short).expect("people are there and have not stayed long enough")["near"].as_f64();
    assert!(near > Some(0.1) && near < Some(1.0), "{near:?}");
}
