//! A model ready to run.

use std::{fs, path::Path};

use cortex_models::{Model, Tensor, View, decode::Outputs};
use ort::{
    ep::{CUDA, TensorRT},
    session::{
        Session as Inner, SessionInputValue, builder::GraphOptimizationLevel, builder::SessionBuilder,
    },
    value::TensorRef,
};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::{Config, Error, Library, Provider, check::check};

/// A model ready to run, on the best provider that is here.
pub struct Session {
    inner: Inner,
    digest: String,
    provider: Provider,
}

impl Session {
    /// Reads, verifies, walks and loads a model, each from the same bytes.
    pub fn open(library: &Library, config: &Config, model: &Model) -> Result<Self, Error> {
        let path = config.file(model);
        let name = || path.display().to_string();
        let bytes = fs::read(&path).map_err(|source| Error::Read { path: name(), source })?;
        let digest = hex::encode(Sha256::digest(&bytes));
        if digest != model.sha256 {
            return Err(Error::Digest { path: name(), got: digest, expected: model.sha256.clone() });
        }
        check(&bytes).map_err(|source| Error::Refused { path: name(), source })?;
        let (inner, provider) = build(library, config, &bytes, &path)?;
        info!(model = %path.display(), ?provider, "model loaded");
        Ok(Self { inner, digest, provider })
    }

    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Runs the model and hands its outputs to `read`, by reference.
    pub fn run<R>(
        &mut self,
        inputs: &[(&str, &Tensor)],
        read: impl FnOnce(Outputs<'_>) -> R,
    ) -> Result<R, Error> {
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let value = TensorRef::from_array_view((tensor.shape.clone(), tensor.data.as_slice()))
                .map_err(|error| Error::run("hand a tensor to the model", error))?;
            values.push((name, value.into()));
        }
        let outputs = self.inner.run(values).map_err(|error| Error::run("run a model", error))?;
        let mut held: Vec<(&str, Vec<usize>, Vec<f32>)> = Vec::new();
        let mut floats: Vec<(&str, Vec<usize>, &[f32])> = Vec::new();
        for name in outputs.keys() {
            let value = &outputs[name];
            let lengths =
                |shape: &[i64]| shape.iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect();
            if let Ok((shape, data)) = value.try_extract_tensor::<f32>() {
                floats.push((name, lengths(shape), data));
            } else if let Ok((shape, data)) = value.try_extract_tensor::<i64>() {
                held.push((name, lengths(shape), data.iter().map(|number| *number as f32).collect()));
            }
        }
        let views: Vec<(&str, View<'_>)> = floats
            .iter()
            .map(|(name, shape, data)| (*name, View { shape, data }))
            .chain(held.iter().map(|(name, shape, data)| (*name, View { shape, data })))
            .collect();
        Ok(read(Outputs(&views)))
    }
}

/// A session on the first provider that takes the model; the CPU always does, or the model is broken.
fn build(library: &Library, config: &Config, bytes: &[u8], path: &Path) -> Result<(Inner, Provider), Error> {
    for provider in &config.providers {
        let dispatch = match provider {
            Provider::TensorRt => TensorRT::default().build().error_on_failure(),
            Provider::Cuda => CUDA::default().build().error_on_failure(),
            Provider::Cpu => break,
        };
        let built = builder(library, config)
            .and_then(|builder| {
                builder
                    .with_execution_providers([dispatch])
                    .map_err(|error| Error::run("add a provider", error))
            })
            .and_then(|mut builder| {
                builder.commit_from_memory(bytes).map_err(|error| Error::run("load a model", error))
            });
        match built {
            Ok(session) => return Ok((session, *provider)),
            Err(error) => {
                warn!(model = %path.display(), ?provider, %error, "provider not here, trying the next")
            }
        }
    }
    let session = builder(library, config)?
        .commit_from_memory(bytes)
        .map_err(|error| Error::run("load a model", error))?;
    Ok((session, Provider::Cpu))
}

fn builder(library: &Library, config: &Config) -> Result<SessionBuilder, Error> {
    let failed = |error: ort::Error<SessionBuilder>| Error::run("prepare a session", error);
    SessionBuilder::new(&library.0)
        .map_err(|error| Error::run("prepare a session", error))?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(failed)?
        .with_intra_threads(config.threads)
        .map_err(failed)?
        .with_inter_threads(1)
        .map_err(failed)?
        // A waiting thread that spins takes a core from the other cameras.
        .with_intra_op_spinning(false)
        .map_err(failed)
}
