//! Why a camera cannot start.

use std::path::PathBuf;

/// Why a camera cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// GStreamer itself does not start.
    #[error("cannot start gstreamer: {0}")]
    Gstreamer(#[from] gstreamer::glib::Error),
    /// A GStreamer plugin is not installed.
    #[error("a gstreamer element is missing: {0}; `make setup` installs the plugins")]
    Element(#[from] gstreamer::glib::BoolError),
    /// The clip cannot be read.
    #[error("cannot read {}: {reason}", clip.display())]
    Clip {
        /// The clip.
        clip: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The certificate cannot be read.
    #[error("cannot read certificate and key from {file}: {reason}", file = .0.display(), reason = .1)]
    Certificate(PathBuf, String),
    /// The rate is no positive number.
    #[error("a rate of {0} is not a positive number")]
    Rate(f64),
    /// The port is taken.
    #[error("cannot listen on 127.0.0.1:{0}; is the port taken?")]
    Bind(u16),
    /// The server's thread cannot be started.
    #[error("cannot start the camera's thread: {0}")]
    Thread(#[from] std::io::Error),
}
