//! A wrong configuration ends with 64 before anything is opened, and everything wrong is said at once.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::fs;

#[test]
fn everything_wrong_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "[ingest]\nrats = 5\n\n[detector]\nscore_floor = \"high\"\n").unwrap();
    let output = support::command(&config, folder.path()).arg("up").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains(":2:") && said.contains("did you mean `rate`"), "{said}");
    assert!(said.contains(":5:"), "{said}");
}

#[test]
fn what_the_profile_locks_cannot_be_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "[recognizer]\nenabled = true\n").unwrap();
    let output = support::command(&config, folder.path()).arg("check").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("eu-public"), "{said}");
}

/// Pictures in, answers out: one face with its vector, and a picture in which no face is found any more.
#[test]
fn pictures_are_embedded_and_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "").unwrap();
    let picture = support::models().join("../golden/astronaut.png");
    let embed = |image: &std::path::Path| {
        let output =
            support::command(&config, folder.path()).args(["embed", "--json"]).arg(image).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let clear = embed(&picture);
    assert_eq!((clear["width"].as_u64(), clear["faces"].as_array().map(Vec::len)), (Some(512), Some(1)));
    let vector = clear["faces"][0]["embedding"].as_array().unwrap();
    let length: f64 = vector.iter().map(|value| value.as_f64().unwrap().powi(2)).sum();
    assert!(vector.len() == 128 && (length - 1.0).abs() < 1e-3);

    let out = folder.path().join("out");
    let status =
        support::command(&config, folder.path()).arg("redact").arg(&picture).arg("--out").arg(&out).status();
    assert!(status.unwrap().success());
    assert_eq!(embed(&out.join("astronaut.jpg"))["faces"].as_array().map(Vec::len), Some(0));
}
