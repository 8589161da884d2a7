//! The broker and the database die in turn while somebody stands in a zone. Nothing ends, nothing is lost, nothing is told
//! twice.
//!
//!     enters ── Kafka gone ── back ── database gone ── back ── has stayed too long

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1;

use crate::support::{
    self, Cortex,
    dwell::{ALLOWED_S, config, events, follow, kinds, told},
    fleet::Fleet,
};

/// A Kafka and a CQL server of this test's own, because it kills them.
struct Servers {
    folder: PathBuf,
    told: BTreeMap<String, String>,
}

impl Servers {
    /// Starts both, or those that died.
    fn up(folder: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers.sh");
        let output = Command::new(script).arg("up").arg(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let told = text.lines().filter_map(|line| line.split_once('='));
        let told = told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { folder: folder.to_owned(), told }
    }

    fn kill(&self, server: &str) {
        let pid = fs::read_to_string(self.folder.join(server).join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        ["kafka", "cassandra"].iter().for_each(|server| self.kill(server));
    }
}

/// Lets a while of the camera's time pass.
fn pass(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_may_be_away() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let servers = Servers::up(&folder.path().join("servers"));
    let told_of = |name: &str| servers.told[name].clone();
    let fleet = Fleet::on(
        &told_of("CORTEX_TEST_KAFKA"),
        &told_of("CORTEX_TEST_CQL"),
        config(folder.path(), &camera),
        folder.path(),
    );
    let alerter = fleet.start("alerter", "alerter");
    let stages = ["detector", "cloaker", "ingest"].map(|stage| fleet.start(stage, stage));

    let before = follow(&alerter, v1::Cursor::default(), |alerts, newest_us| {
        alerts.iter().any(|entry| newest_us > entry.first_us + ALLOWED_S * 200_000)
    });
    let before = before.await;
    assert_eq!(kinds(&events(&before)), ["entry"], "the servers die while the timer runs");
    for server in ["kafka", "cassandra"] {
        servers.kill(server);
        pass(Duration::from_secs(3));
        std::mem::forget(Servers::up(&servers.folder));
    }

    let after = follow(&alerter, support::cursor(&before), told).await;
    let both = [before, after].concat();
    let happened = events(&both);
    assert_eq!(kinds(&happened), ["entry", "dwell"], "each once, as if nothing had been away: {happened:?}");
    let anew = alerter.alerts(Some(v1::Cursor::default()), both.len()).await;
    let said = |alerts: &[v1::Alert]| -> Vec<_> {
        alerts.iter().map(|alert| (alert.sequence, alert.id.clone(), alert.revision)).collect()
    };
    assert_eq!(said(&anew), said(&both), "what was heard live is what the store has");
    assert!(stages.into_iter().chain([alerter]).all(Cortex::terminate), "nobody ended meanwhile");
}
