//! Keys are only their owner's, and what was sealed opens with its own key alone.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cortex_runtime::keys::{Credentials, Keys, PeopleKeys};

fn room() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/master.key");
    (folder, path)
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_is_made_once_and_is_the_same_after_a_restart() {
    let (_folder, path) = room();
    let keys = Keys::open(&path).unwrap();
    let gallery = keys.key("gallery").unwrap();
    assert_ne!(gallery.bytes(), keys.key("chips").unwrap().bytes());
    for file in [path.clone(), path.with_extension("wrapped")] {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains(&hex::encode(gallery.bytes())), "a data key lies open");
    }
    assert_eq!(Keys::open(&path).unwrap().key("gallery").unwrap().bytes(), gallery.bytes());
    assert_eq!(format!("{gallery:?}"), "Key(***)");
}

#[test]
fn what_is_sealed_opens_with_its_key_and_place_only() {
    let (_folder, path) = room();
    let keys = Keys::open(&path).unwrap();
    let (one, other) = (keys.key("gallery").unwrap(), keys.key("chips").unwrap());
    let sealed = one.seal(b"vector", b"people/p1").unwrap();
    assert_eq!(one.unseal(&sealed, b"people/p1").unwrap().as_slice(), b"vector");
    assert_ne!(sealed, one.seal(b"vector", b"people/p1").unwrap(), "a nonce is used once");
    assert!(one.unseal(&sealed, b"people/p2").is_err());
    assert!(other.unseal(&sealed, b"people/p1").is_err());
    for n in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[n] ^= 1;
        assert!(one.unseal(&changed, b"people/p1").is_err());
        assert!(one.unseal(&sealed[..n], b"people/p1").is_err());
    }
}

#[test]
fn keys_that_others_read_are_refused() {
    let (_folder, path) = room();
    Keys::open(&path).unwrap().key("gallery").unwrap();
    for open in [0o640, 0o604, 0o620] {
        mode(&path, open);
        let error = Keys::open(&path).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
    mode(&path, 0o400);
    Keys::open(&path).unwrap();
}

#[test]
fn a_lost_or_foreign_master_key_is_never_replaced_in_silence() {
    let (_folder, path) = room();
    Keys::open(&path).unwrap().key("gallery").unwrap();
    let away = path.with_extension("away");
    std::fs::rename(&path, &away).unwrap();
    let error = Keys::open(&path).err().unwrap().to_string();
    assert!(error.contains("is gone") && !path.exists(), "{error}");

    let (_other, foreign) = room();
    Keys::open(&foreign).unwrap();
    std::fs::copy(&foreign, &path).unwrap();
    mode(&path, 0o600);
    let error = Keys::open(&path).unwrap().key("gallery").err().unwrap().to_string();
    assert!(error.contains("another key"), "{error}");

    std::fs::write(&path, "some other file").unwrap();
    assert!(Keys::open(&path).err().unwrap().to_string().contains("no master key"));
}

#[test]
fn credentials_are_found_by_name_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.toml");
    std::fs::write(&path, "yard = { user = \"admin\", password = \"hunter2\" }\n").unwrap();
    mode(&path, 0o600);
    let credentials = Credentials::load(&path).unwrap();
    let yard = credentials.get("yard").unwrap();
    assert_eq!((yard.user.as_str(), yard.password.expose()), ("admin", "hunter2"));
    assert!(credentials.get("gate").is_none());
    assert!(!format!("{credentials:?}").contains("hunter2"));

    std::fs::write(&path, "\nyard = { user = \"admin\", pass = \"hunter2\" }\n").unwrap();
    let error = Credentials::load(&path).unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    mode(&path, 0o644);
    assert!(Credentials::load(&path).unwrap_err().to_string().contains("chmod 600"));
    assert!(Credentials::load(Path::new("")).unwrap().get("yard").is_none());
    assert!(Credentials::load(&folder.path().join("missing")).is_err());
}

#[test]
fn a_persons_key_is_theirs_alone_and_is_gone_when_it_is_destroyed() {
    let (_folder, path) = room();
    let people = PeopleKeys::open(&Keys::open(&path).unwrap()).unwrap();
    let (ada, grace) = (people.make("ada0").unwrap(), people.make("face").unwrap());
    assert_ne!(ada.bytes(), grace.bytes());
    assert!(people.make("ada0").is_err(), "a key is never made anew");
    let again = PeopleKeys::open(&Keys::open(&path).unwrap()).unwrap();
    assert_eq!(again.get("ada0").unwrap().unwrap().bytes(), ada.bytes());
    // A file under another name is no key.
    let files = path.with_extension("people");
    std::fs::copy(files.join("ada0.key"), files.join("beef.key")).unwrap();
    assert!(again.get("beef").is_err());
    again.destroy("ada0").unwrap();
    again.destroy("ada0").unwrap();
    assert!(people.get("ada0").unwrap().is_none() && people.get("face").unwrap().is_some());
    assert!(people.get("../master").is_err() && people.make("").is_err());
}
