//! What is measured: `cortex up` on a loopback camera, `cortex watch` as the subscriber.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context, ensure};
use cortex_camera::{Camera, CameraOptions};
use cortex_runtime::runner::wall_clock;
use serde::Serialize;
use tempfile::TempDir;

use super::Options;
use cortex_fleet::Running;

/// Ingest's jitter buffer; a frame has arrived once it left that and the decoder.
pub(super) const JITTER_MS: u32 = 100;

/// Zones over the measured camera's picture, across and down: somebody enters one about every second.
const GRID: (usize, usize) = (8, 6);

/// Everything that runs; dropping it ends it.
pub(super) struct Plant {
    address: String,
    token: String,
    latencies_ms: Arc<Mutex<Vec<f64>>>,
    _watch: Running,
    _cortex: Running,
    _camera: Camera,
    _folder: TempDir,
}

impl Plant {
    /// Starts everything: the measured camera at `rate` pictures a second, and `others` at `others_rate` each.
    pub(super) fn start(
        options: &Options,
        rate: f64,
        others: usize,
        others_rate: f64,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let camera = Camera::start(CameraOptions::new(&options.clip))?;
        let config = folder.path().join("cortex.toml");
        let data = folder.path().join("data");
        fs::write(&config, text(options, &data, &camera.url(), rate, others, others_rate)?)?;
        let cortex = Running::start(command(&options.cortex, &config).arg("up"))?;
        let address = cortex.address.clone();
        let token = fs::read_to_string(data.join("cli.token"))?.trim().to_owned();
        // The port was chosen by the system; the subscriber must be told.
        let told = fs::read_to_string(&config)?.replace("127.0.0.1:0", &address);
        fs::write(&config, told)?;
        let (watch, output) = Running::spawn(command(&options.cortex, &config).args(["watch", "--json"]))?;
        let latencies_ms = Arc::new(Mutex::new(Vec::new()));
        let taken = latencies_ms.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let now = wall_clock();
                if let Some(received_us) = completing(&line) {
                    let late = (now - received_us) as f64 / 1000.0;
                    taken.lock().unwrap_or_else(PoisonError::into_inner).push(late);
                }
            }
        });
        Ok(Self {
            address,
            token,
            latencies_ms,
            _watch: watch,
            _cortex: cortex,
            _camera: camera,
            _folder: folder,
        })
    }

    /// Throws away what came so far.
    pub(super) fn forget(&self) {
        self.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Milliseconds from arrival to subscriber, one for each alert since the last call to [`Self::forget`].
    pub(super) fn latencies(&self) -> Vec<f64> {
        self.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `/metrics` says now.
    pub(super) fn metrics(&self) -> anyhow::Result<Metrics> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.address, self.token
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        ensure!(text.starts_with("HTTP/1.1 200"), "/metrics: {}", text.lines().next().unwrap_or_default());
        Ok(Metrics(text))
    }
}

fn command(cortex: &Path, config: &Path) -> Command {
    let mut command = Command::new(cortex);
    command.arg("--config").arg(config);
    command
}

/// The configuration of a run.
fn text(
    options: &Options,
    data: &Path,
    url: &str,
    rate: f64,
    others: usize,
    others_rate: f64,
) -> anyhow::Result<String> {
    let models = options.models.canonicalize().context("find the models")?;
    let mut text = format!(
        "[data]\ndir = {data:?}\n[listen]\naddress = \"127.0.0.1:0\"\n[infer]\nmodels = {models:?}\n\
         [ingest]\nlatency_ms = {JITTER_MS}\n[alerter]\ncooldown_s = 0.0\n\
         [[cameras]]\nid = \"measured\"\nurl = {url:?}\nrate = {rate:?}\n"
    );
    for other in 0..others {
        text += &format!("[[cameras]]\nid = \"other-{other}\"\nurl = {url:?}\nrate = {others_rate:.3}\n");
    }
    let (across, down) = GRID;
    for index in 0..across * down {
        let (x, y) = ((index % across) as f64, (index / across) as f64);
        let (left, right) = (x / across as f64, (x + 1.0) / across as f64);
        let (top, bottom) = (y / down as f64, (y + 1.0) / down as f64);
        text += &format!(
            "[[zones]]\nid = \"z{index}\"\ncamera = \"measured\"\n\
             points = [[{left:?}, {top:?}], [{right:?}, {top:?}], [{right:?}, {bottom:?}], [{left:?}, {bottom:?}]]\n\
             [[rules]]\nid = \"r{index}\"\nkind = \"entry\"\ncamera = \"measured\"\nzone = \"z{index}\"\n\
             severity = \"low\"\n"
        );
    }
    Ok(text)
}

/// Arrival of the completing frame, of an alert that tells something new of the measured camera.
fn completing(line: &str) -> Option<i64> {
    let alert: serde_json::Value = serde_json::from_str(line).ok()?;
    if alert["change"] == "closed" || alert["camera"] != "measured" {
        return None;
    }
    alert["latest"]["received_us"].as_i64()
}

/// What `/metrics` said.
pub(super) struct Metrics(String);

impl Metrics {
    /// Sum and count of a histogram of a stage.
    fn histogram(&self, name: &str, stage: &str) -> (f64, f64) {
        let of = |end: &str| {
            let (start, label) = (format!("{name}_{end}{{"), format!("stage=\"{stage}\""));
            let line = self.0.lines().find(|line| line.starts_with(&start) && line.contains(&label));
            line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
        };
        (of("sum"), of("count"))
    }

    /// Seconds that the detector worked since `before`.
    pub(super) fn detector_s(&self, before: &Self) -> f64 {
        let name = "cortex_stage_process_duration_seconds";
        self.histogram(name, "detector").0 - before.histogram(name, "detector").0
    }
}

/// Where a frame's time goes, means in milliseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Shares {
    /// From ingest having the frame in hand to the detector taking it.
    pub(super) waiting_ms: f64,
    /// The detector's work: models, tracks, rules.
    pub(super) detector_ms: f64,
    /// Anomalies made durable and sent on.
    pub(super) detector_sinks_ms: f64,
    /// The alerter's work.
    pub(super) alerter_ms: f64,
    /// Alerts made durable and sent on.
    pub(super) alerter_sinks_ms: f64,
}

impl Shares {
    /// Means of what happened between two looks.
    pub(super) fn between(before: &Metrics, after: &Metrics) -> Self {
        let mean = |name: &str, stage: &str| {
            let ((sum, count), (sum0, count0)) =
                (after.histogram(name, stage), before.histogram(name, stage));
            if count > count0 { 1000.0 * (sum - sum0) / (count - count0) } else { 0.0 }
        };
        let (work, sinks) = ("cortex_stage_process_duration_seconds", "cortex_stage_sinks_duration_seconds");
        let detector_ms = mean(work, "detector");
        Self {
            waiting_ms: (mean("cortex_frame_age_seconds", "detector") - detector_ms).max(0.0),
            detector_ms,
            detector_sinks_ms: mean(sinks, "detector"),
            alerter_ms: mean(work, "alerter"),
            alerter_sinks_ms: mean(sinks, "alerter"),
        }
    }

    /// Adds a share of others.
    pub(super) fn add(&mut self, other: &Self, share: f64) {
        self.waiting_ms += share * other.waiting_ms;
        self.detector_ms += share * other.detector_ms;
        self.detector_sinks_ms += share * other.detector_sinks_ms;
        self.alerter_ms += share * other.alerter_ms;
        self.alerter_sinks_ms += share * other.alerter_sinks_ms;
    }
}

impl Display for Shares {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waiting {:.1}, detector {:.1} and its sinks {:.1}, alerter {:.1} and its sinks {:.1} ms",
            self.waiting_ms, self.detector_ms, self.detector_sinks_ms, self.alerter_ms, self.alerter_sinks_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_of_the_measured_camera_count() {
        let alert = |camera: &str, change: &str| {
            format!(r#"{{"camera":"{camera}","change":"{change}","latest":{{"received_us":17}}}}"#)
        };
        assert_eq!(completing(&alert("measured", "opened")), Some(17));
        assert_eq!(completing(&alert("measured", "closed")), None);
        assert_eq!(completing(&alert("other-1", "opened")), None);
    }

    #[test]
    fn shares_are_means_between_two_looks() {
        let look = |sum: f64, count: u64| {
            let name = "cortex_stage_process_duration_seconds";
            Metrics(format!(
                "{name}_sum{{stage=\"detector\"}} {sum}\n{name}_count{{stage=\"detector\"}} {count}\n"
            ))
        };
        let shares = Shares::between(&look(1.0, 10), &look(3.0, 30));
        assert!((shares.detector_ms - 100.0).abs() < 1e-9, "{shares}");
    }
}
