//! A server of cameras that is not ours: aio-rtsp-toolkit, in Python.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use cortex_runtime::config::home;

use crate::watch::{Watch, clip, store};

const SERVE: &str = "import asyncio, sys, aio_rtsp_toolkit.server as server; \
                     asyncio.run(server.serve(sys.argv[1], '127.0.0.1', int(sys.argv[2]), control_port=int(sys.argv[3])))";

struct Server(Child);

impl Server {
    fn start(folder: &Path, ports: [u16; 2]) -> Self {
        let packages = home().join("readers");
        assert!(packages.is_dir(), "{} is missing: `scripts/setup.sh --test` fetches it", packages.display());
        let mut command = Command::new("python3");
        command.args(["-c", SERVE]).arg(folder).args(ports.map(|port| port.to_string()));
        command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_foreign_camera_is_watched_and_watched_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(clip(), folder.path().join("yard.mp4")).unwrap();
    // Both taken at once, so that they differ.
    let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = free.map(|listener| listener.local_addr().unwrap().port());
    let mut watch = Watch::begin(store(), &[("yard", &format!("rtsp://127.0.0.1:{}/yard.mp4", ports[0]))]);
    assert_eq!(watch.anomaly("yard").kind, "offline");
    for _ in 0..2 {
        let server = Server::start(folder.path(), ports);
        let frame = watch.picture("yard", |frame| frame.n > 2);
        assert_eq!((frame.source_width, frame.source_height), (768, 576));
        assert_eq!(watch.anomaly("yard").kind, "recovered");
        drop(server);
        assert_eq!(watch.anomaly("yard").kind, "offline", "killed");
    }
    watch.end();
}
