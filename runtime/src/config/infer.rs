use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Section `[infer]`: where models and ONNX Runtime are, and what runs them. Crate `cortex-infer` does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Infer {
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
    /// What was measured on this machine and written into Cortex's home; eight-bit integers until then.
    Auto,
    /// Eight-bit integers where there is such a variant: CPUs.
    Int8,
    /// Floating point: GPUs.
    Fp,
}

impl Default for Infer {
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

impl Infer {
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
}
