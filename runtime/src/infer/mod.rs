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
use serde::{Deserialize, Serialize};

pub use choose::{Timed, measure, pin};
pub use library::Library;
pub use session::Session;

use crate::config::home;

/// Where models and runtime are, and what runs them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// ONNX Runtime's shared library, 1.24 or later; empty for `onnxruntime/libonnxruntime.so` in Cortex's home.
    pub library: PathBuf,
    /// Folder of the model files; empty for `models` in Cortex's home, where the set-up puts those that ship.
    pub models: PathBuf,
    /// Manifest of models of your own; empty for the one that ships with Cortex.
    pub manifest: PathBuf,
    /// What runs them, best first; what is not there is passed over with a log line.
    pub providers: Vec<Provider>,
    /// Threads of each session.
    pub threads: usize,
    /// Which variant of a model is taken where there are two.
    pub precision: Preference,
}

/// Something that runs models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// This machine's processor.
    Cpu,
}

/// Which variant of a model is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// What [`pin`] measured on this machine and wrote into Cortex's home; eight-bit integers until then.
    Auto,
    /// Eight-bit integers where there is such a variant: CPUs.
    Int8,
    /// Floating point: GPUs.
    Fp,
}

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

impl Default for Config {
    fn default() -> Self {
        Self {
            library: PathBuf::new(),
            models: PathBuf::new(),
            manifest: PathBuf::new(),
            providers: vec![Provider::TensorRt, Provider::Cuda, Provider::Cpu],
            threads: 1,
            precision: Preference::Auto,
        }
    }
}

impl Config {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.threads == 0 {
            wrong.push("`infer.threads` must be at least 1".to_owned());
        }
        if !self.providers.contains(&Provider::Cpu) {
            wrong.push("`infer.providers` must end with \"cpu\", the one that is always there".to_owned());
        }
        wrong
    }

    /// The file of a model.
    pub fn file(&self, model: &Model) -> PathBuf {
        let folder =
            if self.models.as_os_str().is_empty() { home().join("models") } else { self.models.clone() };
        folder.join(&model.file)
    }

    /// The manifest that is in force.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        if self.manifest.as_os_str().is_empty() {
            Ok(Manifest::shipped())
        } else {
            Ok(Manifest::load(&self.manifest)?)
        }
    }

    /// The name of the model for a task: of the preferred precision where there is one.
    pub fn pick(&self, manifest: &Manifest, task: Task) -> Result<String, Error> {
        let wanted = match self.precision {
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
}

impl Error {
    pub(crate) fn run(attempt: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Run { attempt, reason: reason.to_string() }
    }
}
