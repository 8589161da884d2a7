//! Models at work: ONNX Runtime loaded at run time, files verified before they are loaded, sessions that fall back to
//! the CPU cleanly.
//!
//! A session belongs to one worker, because running it needs it alone. [`Session::run_each`] runs a batch over cameras
//! in one call where the model's first axis is free. That pays on a GPU; the detectors that ship have an axis of one.

pub mod check;
mod choose;
mod library;
mod session;

use std::path::PathBuf;

use cortex_models::{Manifest, ManifestError, Model, Precision, Task};
use cortex_runtime::config::home;

pub use choose::{Timed, measure, pin};
pub use cortex_runtime::config::{Infer as Config, Preference, Provider};
pub use library::Library;
pub use session::Session;

/// What went wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ONNX Runtime is not there or too old.
    #[error("load ONNX Runtime from {path}: {reason}; `make setup` fetches it, or set `infer.library`")]
    Library {
        /// Where it was looked for.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The manifest has no such model.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file cannot be read.
    #[error("read model {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what the manifest says.
    #[error("model {path} has SHA-256 {got}, the manifest says {expected}: fetch it again")]
    Digest {
        /// The file.
        path: String,
        /// Of the file.
        got: String,
        /// Of the manifest.
        expected: String,
    },
    /// The file is not safe to load.
    #[error("model {path} is refused: {source}")]
    Refused {
        /// The file.
        path: String,
        /// Why.
        source: check::CheckError,
    },
    /// ONNX Runtime failed.
    #[error("{attempt}: {reason}")]
    Run {
        /// What was attempted.
        attempt: &'static str,
        /// What it said.
        reason: String,
    },
}

/// The file of a model.
pub fn file(config: &Config, model: &Model) -> PathBuf {
    let folder =
        if config.models.as_os_str().is_empty() { home().join("models") } else { config.models.clone() };
    folder.join(&model.file)
}

/// The manifest that is in force.
///
/// # Errors
/// A manifest of one's own is not there or is none.
pub fn manifest(config: &Config) -> Result<Manifest, Error> {
    if config.manifest.as_os_str().is_empty() {
        Ok(Manifest::shipped())
    } else {
        Ok(Manifest::load(&config.manifest)?)
    }
}

/// The name of the model for a task: of the preferred precision where there is one.
///
/// # Errors
/// The manifest has no model for it.
pub fn pick(config: &Config, manifest: &Manifest, task: Task) -> Result<String, Error> {
    let wanted = match config.precision {
        Preference::Auto => choose::pinned(&choose::place()).unwrap_or(Precision::Int8),
        Preference::Int8 => Precision::Int8,
        Preference::Fp => Precision::Fp,
    };
    let of_task = || manifest.models.iter().filter(|(_, model)| model.task == task);
    let found = of_task().find(|(_, model)| model.precision == wanted).or_else(|| of_task().next());
    found.map(|(name, _)| name.clone()).ok_or_else(|| {
        Error::Manifest(ManifestError::Unknown(
            format!("{task:?}"),
            manifest.models.keys().cloned().collect::<Vec<_>>().join(", "),
        ))
    })
}

impl Error {
    pub(crate) fn run(attempt: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Run { attempt, reason: reason.to_string() }
    }
}
