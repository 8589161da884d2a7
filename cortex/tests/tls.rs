//! Beyond plain text on one machine: the command line over TLS, with a token of its own that does what its role may, and
//! an audit that shows it and shows when it was changed.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{fs, process::Output, time::Duration};

use cortex_runtime::{
    store::{Retention, Scan, Sqlite, Store, table},
    testkit::certify,
};
use support::Cortex;

#[test]
fn the_command_line_reaches_an_encrypted_front_with_a_token_of_its_role() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    certify(here, "ours");
    certify(here, "theirs");
    let (config, data) = (here.join("cortex.toml"), here.join("data"));
    let listen =
        format!("[listen]\ncertificate = \"{0}/ours.pem\"\nkey = \"{0}/ours.key\"\n", here.display());
    fs::write(&config, listen).unwrap();
    let cortex = Cortex::up(&config, &data);

    let server = format!("https://{}", cortex.address);
    let run = |arguments: &[&str]| -> Output {
        support::command(&config, &data).args(["--server", &server]).args(arguments).output().unwrap()
    };
    let said = |output: &Output| {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
    };
    let theirs = here.join("theirs.pem").display().to_string();
    let strange = run(&["--ca", &theirs, "token", "--subject", "wall", "--role", "viewer"]);
    assert!(!strange.status.success(), "a front that is not the one we trust gets no token of ours");

    let issued = run(&["token", "--subject", "wall", "--role", "viewer", "--days", "1"]);
    assert!(issued.status.success(), "{}", said(&issued));
    let wall = here.join("wall.token");
    fs::write(&wall, &issued.stdout).unwrap();
    let wall = wall.display().to_string();
    let looks = run(&["--token-file", &wall, "precision"]);
    assert!(looks.status.success(), "{}", said(&looks));
    for more in [vec!["tap", "alerts"], vec!["token", "--subject", "me", "--role", "administrator"]] {
        let refused = run(&[&["--token-file", wall.as_str()], more.as_slice()].concat());
        assert!(
            !refused.status.success() && said(&refused).contains("roles do not allow"),
            "{}",
            said(&refused)
        );
    }
    let unknown = run(&["token", "--subject", "wall", "--role", "king"]);
    assert!(said(&unknown).contains("`king` is none"), "{}", said(&unknown));
    assert!(run(&["token", "--subject", "wall", "--revoke"]).status.success());
    assert!(!run(&["--token-file", &wall, "precision"]).status.success(), "a revoked token is void at once");
    assert!(cortex.terminate());

    let whole = run(&["audit", "verify"]);
    assert!(whole.status.success() && said(&whole).contains("cortex: "), "{}", said(&whole));
    let store = Sqlite::open(Some(&data.join("store.sqlite")), retention()).unwrap();
    let links = store.scan(&Scan::table(&table::AUDIT)).unwrap();
    let second = &links[1];
    store.delete(&table::AUDIT, &second.partition, &second.sort).unwrap();
    drop(store);
    let broken = run(&["audit", "verify"]);
    assert!(!broken.status.success() && said(&broken).contains("link 2: it is missing"), "{}", said(&broken));
}

fn retention() -> Retention {
    let day = Duration::from_secs(86_400);
    Retention { events: day, detections: day, stills: day, budget: u64::MAX }
}
