//! An RTSP camera on loopback that plays a clip for ever: what `make run` shows when there is no camera, and what
//! tests break. It stands on gst-rtsp-server and never transcodes: the clip is parsed once into access units, and
//! those are sent in real time, so a camera costs next to no CPU.
//!
//! It listens on 127.0.0.1 only.

mod clip;
mod error;
mod pusher;
mod server;

use std::path::PathBuf;

pub use clip::{Clip, Codec};
pub use error::Error;
pub use server::Camera;

/// What a camera shows and how it is reached.
#[derive(Clone, Debug)]
pub struct CameraOptions {
    /// H.264, H.265 or MJPEG in any container that GStreamer's parsers read (mp4, mkv, avi), or bare Annex B.
    pub clip: PathBuf,
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Path in the URL, without a slash in front.
    pub path: String,
    /// Another stream at a path of its own.
    pub sub: Option<(String, PathBuf)>,
    /// Seconds of the clip that are sent in one second; 1 is as recorded. Timestamps follow.
    pub realtime_rate: f64,
    /// Every so many-th of its packets is lost; 0 for none.
    pub lost: usize,
    /// Asked of every client when it is set.
    pub login: Option<Login>,
    /// PEM file with a certificate and its key: it is then reached by `rtsps` alone.
    pub certificate: Option<PathBuf>,
}

/// User and password of a camera.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password; never logged.
    pub password: String,
    /// How the client proves that it knows the password.
    pub scheme: LoginScheme,
}

/// How a client proves that it knows the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginScheme {
    /// RFC 7617: the password itself, base64.
    Basic,
    /// RFC 7616: a digest of it.
    Digest,
}

impl CameraOptions {
    /// The clip as recorded, at `rtsp://127.0.0.1:<a free port>/camera`, without a login.
    pub fn new(clip: impl Into<PathBuf>) -> Self {
        Self {
            clip: clip.into(),
            port: 0,
            path: "camera".into(),
            sub: None,
            realtime_rate: 1.0,
            lost: 0,
            login: None,
            certificate: None,
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}
