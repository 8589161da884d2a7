//! How much footage there is, is known before it is played.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use cortex_ingest::{Config, pictures_in};

#[test]
fn pictures_are_counted_by_the_container() {
    let clip = cortex_runtime::config::home().join("clips/vtest.mp4");
    assert!(clip.is_file(), "{} is missing: `make setup` makes it", clip.display());
    let config = Config::default();
    assert_eq!(pictures_in(&format!("file://{}", clip.display()), &config), Some(795));
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.mp4");
    std::fs::write(&garbage, [7; 10_000]).unwrap();
    assert_eq!(pictures_in(&format!("file://{}", garbage.display()), &config), None);
}
