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
