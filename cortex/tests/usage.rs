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

/// A model that is not the one of the manifest is refused by name, before anything runs on it.
#[test]
fn a_bad_model_is_a_clear_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "").unwrap();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    for entry in fs::read_dir(support::models()).unwrap() {
        let path = entry.unwrap().path();
        std::os::unix::fs::symlink(path.canonicalize().unwrap(), models.join(path.file_name().unwrap()))
            .unwrap();
    }
    let bad = models.join("face_centerface.onnx");
    fs::remove_file(&bad).unwrap();
    fs::write(&bad, [7; 1000]).unwrap();
    let mut command = support::command(&config, &folder.path().join("data"));
    let output = command.env("CORTEX__INFER__MODELS", &models).arg("up").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.contains("face_centerface.onnx") && last.contains("SHA-256"), "{said}");
}
