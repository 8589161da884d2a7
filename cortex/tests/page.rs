//! The page in a real browser: opened with the login link, it shows a cloaked picture, an alert that says why and plays what
//! led to it, and the log.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use support::Cortex;

#[test]
fn an_operator_sees_pictures_and_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let camera = support::camera();
    let config = support::config(folder.path(), &camera.url());
    let cortex = Cortex::up(&config, &folder.path().join("data"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Kept beside the build, to be looked at.
    let shot = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard.png");
    let output = Command::new("node")
        .arg(root.join("dashboard/e2e/page.mjs"))
        .arg(&cortex.login)
        .arg(&shot)
        .arg("--clip")
        .arg(shot.with_file_name("clip.png"))
        .output()
        .expect("node is there: `make setup` fetches it");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(shot.metadata().unwrap().len() > 20_000, "{said}");
    assert!(shot.with_file_name("clip.mp4").metadata().unwrap().len() > 20_000, "{said}");
    assert!(cortex.terminate());
}
