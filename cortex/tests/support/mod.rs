//! The real binary on a real RTSP camera, for the stories of the whole system.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, unreachable_pub)] // as in all tests; every story uses a part

pub mod dwell;
pub mod fleet;
pub mod readers;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use cortex_camera::{Camera, CameraOptions};
use cortex_proto::v1::{
    self, alert_service_client::AlertServiceClient, clip_response, live_service_client::LiveServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// How long anything here may take.
pub const LIMIT: Duration = Duration::from_secs(90);

/// The demonstration clip that the set-up makes.
pub fn clip() -> PathBuf {
    let clip = cortex_runtime::config::home().join("clips/vtest.mp4");
    assert!(clip.is_file(), "{} is missing: `make setup` makes it", clip.display());
    clip
}

/// The first frames of the clip.
pub fn short(folder: &Path, frames: u32) -> PathBuf {
    let path = folder.join("short.mp4");
    let status = Command::new("gst-launch-1.0")
        .args(["-q", "filesrc", &format!("location={}", clip().display()), "!", "qtdemux", "!", "h264parse"])
        .args(["!", "identity", &format!("eos-after={frames}"), "!", "mp4mux", "!", "filesink"])
        .arg(format!("location={}", path.display()))
        .status()
        .unwrap();
    assert!(status.success());
    path
}

pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/files")
}

/// A picture of one person with a large face.
pub fn astronaut() -> PathBuf {
    models().join("../golden/astronaut.png")
}

/// Puts the person of [`astronaut`] on a list of people who are known at once, by commands to a running system. Answers her
/// id.
pub fn enrolled(command: impl Fn() -> Command) -> String {
    let list = ["watchlist", "set", "staff", "--purpose", "open doors", "--legal-basis", "consent"];
    let mut make = command();
    make.args(list).args(["--owner", "the porter", "--without-confirmation"]);
    said(&mut make);
    let mut enroll = command();
    said(enroll.args(["enroll", "Eileen", "--list", "staff"]).arg(astronaut()))
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("enrolled as "))
        .unwrap()
        .to_owned()
}

/// What a command prints that must succeed.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A clip of one person who stands still; a camera repeats it for ever.
pub fn somebody_stands(folder: &Path) -> PathBuf {
    let path = folder.join("stands.mp4");
    let picture = astronaut();
    let status = Command::new("gst-launch-1.0")
        .args([
            "-q",
            "filesrc",
            &format!("location={}", picture.display()),
            "!",
            "pngdec",
            "!",
            "videoconvert",
        ])
        .args(["!", "videobox", "top=-64", "bottom=-64", "left=-160", "right=-160", "!", "imagefreeze"])
        .args(["num-buffers=50", "!", "video/x-raw,framerate=10/1", "!", "videoconvert", "!", "openh264enc"])
        .args(["bitrate=1500000", "gop-size=10", "!", "h264parse", "!", "mp4mux", "!", "filesink"])
        .arg(format!("location={}", path.display()))
        .status();
    assert!(status.unwrap().success());
    path
}

/// A camera that plays the clip.
pub fn camera() -> Camera {
    Camera::start(CameraOptions::new(clip())).unwrap()
}

/// A running Cortex.
pub struct Cortex {
    child: Child,
    pub address: String,
    pub login: String,
    pub data: PathBuf,
}

/// The command with this configuration and data folder.
pub fn command(config: &Path, data: &Path) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_cortex")), config, data)
}

/// A binary's command with this configuration and data folder.
pub fn configured(mut command: Command, config: &Path, data: &Path) -> Command {
    command
        .arg("--config")
        .arg(config)
        .env("CORTEX__DATA__DIR", data)
        .env("CORTEX__INFER__MODELS", models())
        .env("CORTEX__INFER__PROVIDERS", r#"["cpu"]"#)
        .env("CORTEX__LISTEN__ADDRESS", "127.0.0.1:0");
    command
}

/// Zones and rules of the demonstration, with a camera at this address.
pub fn config(folder: &Path, url: &str) -> PathBuf {
    let demo = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.toml")).unwrap();
    let path = folder.join("cortex.toml");
    fs::write(&path, format!("{demo}\n[[cameras]]\nid = \"campus\"\nurl = \"{url}\"\n")).unwrap();
    path
}

impl Cortex {
    /// Starts `cortex up` and waits for its login link.
    pub fn up(config: &Path, data: &Path) -> Self {
        Self::start(command(config, data).arg("up"), data)
    }

    /// Starts a command of the server's and waits until it says where it listens.
    pub fn start(command: &mut Command, data: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::sync_channel(16);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.try_send(line))));
        let login = loop {
            let line = receiver.recv_timeout(LIMIT).expect("cortex prints where it listens");
            if let Some(begin) = line.find("http") {
                break line[begin..].trim().to_owned();
            }
        };
        let address = login.split('/').nth(2).unwrap().to_owned();
        Self { child, address, login, data: data.to_owned() }
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and answers whether it ended well.
    pub fn terminate(mut self) -> bool {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        if !status.success() {
            eprintln!("{} ended with {status}", self.data.display());
        }
        status.success()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// A connection with the token of the local command line.
    pub async fn connect(&self) -> Connection {
        let token = fs::read_to_string(self.data.join("cli.token")).unwrap();
        let channel =
            Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap();
        InterceptedService::new(channel, Bearer(format!("Bearer {}", token.trim()).parse().unwrap()))
    }

    /// Alerts after a cursor, `count` of them.
    pub async fn alerts(&self, after: Option<v1::Cursor>, count: usize) -> Vec<v1::Alert> {
        let mut client = AlertServiceClient::new(self.connect().await);
        let mut events =
            client.subscribe(v1::SubscribeRequest { filter: None, after }).await.unwrap().into_inner();
        let mut alerts = Vec::new();
        while alerts.len() < count {
            let event =
                tokio::time::timeout(LIMIT, events.message()).await.expect("alerts come").unwrap().unwrap();
            if let Some(v1::subscribe_response::Event::Alert(alert)) = event.event {
                alerts.push(alert);
            }
        }
        alerts
    }
}

impl Drop for Cortex {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub type Connection = InterceptedService<Channel, Bearer>;

#[derive(Clone)]
pub struct Bearer(pub MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The clip as it is now; `None` while nothing is known of it.
pub async fn recorded(
    live: &mut LiveServiceClient<Connection>,
    frame: &v1::FrameId,
) -> Option<(v1::Clip, Vec<v1::Cloaked>)> {
    let mut events = match live.clip(v1::ClipRequest { frame: Some(frame.clone()) }).await {
        Ok(events) => events.into_inner(),
        Err(status) if status.code() == tonic::Code::NotFound => return None,
        Err(status) => panic!("{status}"),
    };
    let Some(clip_response::Event::Clip(clip)) = events.message().await.unwrap().unwrap().event else {
        panic!("what it is comes first")
    };
    let mut pictures = Vec::new();
    while let Some(next) = events.message().await.unwrap() {
        let Some(clip_response::Event::Picture(picture)) = next.event else { panic!("then its pictures") };
        pictures.push(picture);
    }
    Some((clip, pictures))
}

/// What a subscriber has seen.
pub fn cursor(alerts: &[v1::Alert]) -> v1::Cursor {
    let mut cursor = v1::Cursor::default();
    for alert in alerts {
        let seen = cursor.sequences.entry(alert.partition).or_default();
        *seen = (*seen).max(alert.sequence);
    }
    cursor
}
