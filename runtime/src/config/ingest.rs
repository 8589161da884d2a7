use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::network::Network;

/// Section `[ingest]`: how cameras are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Pictures analysed per second and camera, unless the camera says otherwise.
    pub rate: f32,
    /// Models run on every so many-th of these pictures, 1 to 30; tracks are carried between.
    pub detect_every: u64,
    /// Pictures wider than this are made smaller, in pixels.
    pub analysis_width: usize,
    /// JPEG quality of pictures that go to stages in other processes, 1 to 100; less for pictures that would have more
    /// than 2 MiB.
    pub quality: u8,
    /// RTP comes over `tcp`, `udp`, or `auto`.
    pub transport: Transport,
    /// Jitter buffer in milliseconds.
    pub latency_ms: u32,
    /// No picture for so long is a stall, in seconds: the connection is built anew.
    pub stall_s: f32,
    /// No picture for so long is an anomaly, in seconds.
    pub offline_after_s: f32,
    /// Which sources decode key frames only while nothing moves in their picture.
    pub idle: IdleDecode,
    /// Nothing moved and nothing was tracked for so long, in seconds: the camera is idle.
    pub idle_after_s: f32,
    /// An idle camera's picture is analysed this often all the same, in seconds.
    pub idle_look_s: f32,
    /// Coded frames of an idle camera that are held, in MiB, to be decoded when something moves; 0 for none.
    pub idle_hold_mib: f32,
    /// Faults of pictures are anomalies: frozen, looped, covered and the like.
    pub health: bool,
    /// Schemes that camera addresses may have.
    pub schemes: Vec<String>,
    /// PEM file of whoever signed the certificates of `rtsps` and `https` cameras; empty for those that this machine
    /// trusts.
    pub ca: PathBuf,
    /// Networks that cameras may be in.
    pub networks: Vec<String>,
    /// Networks that no camera may be in, whatever `networks` has.
    pub forbidden_networks: Vec<String>,
    /// Folders whose files the API may name as cameras; a configuration file may name any file.
    pub folders: Vec<PathBuf>,
    /// The source ends when every camera is a file that has ended.
    #[serde(skip)]
    pub end_with_files: bool,
}

/// How RTP comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection: no loss, passes firewalls.
    Tcp,
    /// Datagrams.
    Udp,
    /// What the camera offers, datagrams first.
    Auto,
}

/// Which sources decode key frames only while nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdleDecode {
    /// None: every frame is decoded.
    Off,
    /// Cameras on a network.
    Network,
    /// Also footage that is played as fast as it can be analysed.
    All,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            rate: 5.0,
            analysis_width: 1280,
            quality: 90,
            transport: Transport::Tcp,
            latency_ms: 100,
            stall_s: 5.0,
            offline_after_s: 10.0,
            idle: IdleDecode::Network,
            idle_after_s: 3.0,
            idle_look_s: 10.0,
            idle_hold_mib: 4.0,
            health: true,
            schemes: ["rtsp", "rtsps", "http", "https", "file", "v4l2", "test"].map(str::to_owned).to_vec(),
            ca: PathBuf::new(),
            networks: ["0.0.0.0/0", "::/0"].map(str::to_owned).to_vec(),
            forbidden_networks: ["169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"].map(str::to_owned).to_vec(),
            folders: Vec::new(),
            detect_every: 1,
            end_with_files: false,
        }
    }
}

impl Ingest {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(self.rate > 0.0 && self.rate <= 60.0) {
            wrong.push("`ingest.rate` must be above 0 and at most 60 pictures a second".to_owned());
        }
        if !(1..=30).contains(&self.detect_every) {
            wrong.push("`ingest.detect_every` must be 1 to 30".to_owned());
        }
        if !(160..=7680).contains(&self.analysis_width) {
            wrong.push("`ingest.analysis_width` must be 160 to 7680 pixels".to_owned());
        }
        if !(1..=100).contains(&self.quality) {
            wrong.push("`ingest.quality` must be 1 to 100".to_owned());
        }
        if self.stall_s < 1.0 || self.offline_after_s < 1.0 {
            wrong.push("`ingest.stall_s` and `ingest.offline_after_s` must be at least 1 second".to_owned());
        }
        if !(1.0..=3600.0).contains(&self.idle_after_s) || !(1.0..=3600.0).contains(&self.idle_look_s) {
            wrong.push("`ingest.idle_after_s` and `ingest.idle_look_s` must be 1 to 3600 seconds".to_owned());
        }
        if !(0.0..=256.0).contains(&self.idle_hold_mib) {
            wrong.push("`ingest.idle_hold_mib` must be 0 to 256".to_owned());
        }
        for (key, networks) in
            [("networks", &self.networks), ("forbidden_networks", &self.forbidden_networks)]
        {
            let found = networks.iter().filter_map(|text| text.parse::<Network>().err());
            wrong.extend(found.map(|error| format!("`ingest.{key}`: {error}")));
        }
        wrong
    }
}
