//! Recorded footage knows the people who are enrolled in the running system, and leaves no trace in its store.
//!
//!     up ── enroll ──> store ── read only ──> analyze ── identities.ndjson
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::fs;

use support::Cortex;

#[test]
fn an_analysis_recognises_who_is_enrolled() {
    let folder = tempfile::tempdir().unwrap();
    let video = support::somebody_stands(folder.path());
    let (config, data) = (folder.path().join("cortex.toml"), folder.path().join("data"));
    fs::write(&config, "profile = 'research'\n[recognizer]\nenabled = true\nshots = 1\n").unwrap();
    let cortex = Cortex::up(&config, &data);
    let person = support::enrolled(|| {
        let mut command = support::command(&config, &data);
        command.env("CORTEX__LISTEN__ADDRESS", &cortex.address);
        command
    });

    // While the system runs: it owns the store, the analysis reads it.
    let out = folder.path().join("out");
    let mut analyze = support::command(&config, &data);
    let output = analyze.args(["analyze", "--quiet"]).arg(&video).arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let identities = fs::read_to_string(out.join("identities.ndjson")).unwrap();
    assert!(identities.contains(&format!("\"person\":\"{person}\"")), "{identities}");
    assert!(!identities.contains("Eileen"), "ids, not names");
    assert!(cortex.terminate());
}
