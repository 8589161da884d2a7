//! A model ready to run.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

use cortex_models::{Model, Tensor, View, decode::Outputs};
use ort::{
    ep::{CUDA, TensorRT},
    session::{
        Session as Inner, SessionInputValue, builder::GraphOptimizationLevel, builder::SessionBuilder,
    },
    value::{Outlet, TensorElementType, TensorRef},
};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::{
    Config, Error, Library, Provider,
    check::{CheckError, MAX_BYTES, check},
    file,
};

/// A model ready to run, on the best provider that is here.
pub struct Session {
    inner: Inner,
    digest: String,
    provider: Provider,
    /// Inputs that take integers.
    integers: HashSet<String>,
    /// Whether the first axis of every input and output is free.
    stacks: bool,
}

impl Session {
    /// Reads, verifies, walks and loads a model, each from the same bytes.
    pub fn open(library: &Library, config: &Config, model: &Model) -> Result<Self, Error> {
        let path = file(config, model);
        let name = || path.display().to_string();
        let failed = |source| Error::Read { path: name(), source };
        let length = fs::metadata(&path).map_err(failed)?.len();
        if length > MAX_BYTES {
            return Err(Error::Refused { path: name(), source: CheckError::File(length) });
        }
        let bytes = fs::read(&path).map_err(failed)?;
        let digest = hex::encode(Sha256::digest(&bytes));
        if digest != model.sha256 {
            return Err(Error::Digest { path: name(), got: digest, expected: model.sha256.clone() });
        }
        check(&bytes).map_err(|source| Error::Refused { path: name(), source })?;
        let (inner, provider) = build(library, config, &bytes, &path)?;
        let integer = |input: &&Outlet| input.dtype().tensor_type() == Some(TensorElementType::Int64);
        let integers = inner.inputs().iter().filter(integer).map(|input| input.name().to_owned()).collect();
        let free = |one: &Outlet| one.dtype().tensor_shape().and_then(|shape| shape.first()) == Some(&-1);
        let stacks = inner.inputs().iter().chain(inner.outputs()).all(free);
        info!(model = %path.display(), ?provider, stacks, "model loaded");
        Ok(Self { inner, digest, provider, integers, stacks })
    }

    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Runs the model and hands its outputs to `read`, by reference. Integers in and out are converted.
    pub fn run<R>(
        &mut self,
        inputs: &[(&str, &Tensor)],
        read: impl FnOnce(Outputs<'_>) -> R,
    ) -> Result<R, Error> {
        let handed = |error| Error::run("hand a tensor to the model", error);
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let shape = tensor.shape.clone();
            let value = if self.integers.contains(*name) {
                let data: Vec<i64> = tensor.data.iter().map(|number| *number as i64).collect();
                ort::value::Tensor::from_array((shape, data)).map_err(handed)?.into()
            } else {
                TensorRef::from_array_view((shape, tensor.data.as_slice())).map_err(handed)?.into()
            };
            values.push((name, value));
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

    /// Runs the model on many inputs: those of one shape in one call when the model's first axis is free, else one by
    /// one. `read` is given the place of an input and its outputs, with a first axis of one. When a call of many fails,
    /// each is tried alone, so that only the guilty one has no answer.
    pub fn run_each<R>(
        &mut self,
        batch: &[Vec<(&str, &Tensor)>],
        mut read: impl FnMut(usize, Outputs<'_>) -> R,
    ) -> Vec<Result<R, Error>> {
        let mut answers: BTreeMap<usize, Result<R, Error>> = BTreeMap::new();
        for group in groups(batch, self.stacks) {
            let together = if group.len() > 1 { self.run_stacked(batch, &group, &mut read) } else { None };
            if let Some(together) = together {
                answers.extend(group.into_iter().zip(together.into_iter().map(Ok)));
                continue;
            }
            for place in group {
                answers.insert(place, self.run(&batch[place], |outputs| read(place, outputs)));
            }
        }
        answers.into_values().collect()
    }

    /// One call for several inputs of one shape; `None` when it fails or does not answer each.
    fn run_stacked<R>(
        &mut self,
        batch: &[Vec<(&str, &Tensor)>],
        group: &[usize],
        read: &mut impl FnMut(usize, Outputs<'_>) -> R,
    ) -> Option<Vec<R>> {
        let stack = |input: usize| {
            let of = |place: &usize| batch[*place][input].1;
            let mut shape = of(&group[0]).shape.clone();
            shape[0] *= group.len();
            Tensor { shape, data: group.iter().flat_map(|place| &of(place).data).copied().collect() }
        };
        let names = batch[group[0]].iter().map(|(name, _)| *name);
        let stacked: Vec<(&str, Tensor)> =
            names.enumerate().map(|(input, name)| (name, stack(input))).collect();
        let inputs: Vec<(&str, &Tensor)> = stacked.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let split = |outputs: Outputs<'_>| {
            let each = outputs.0.iter().all(|(_, view)| view.shape.first() == Some(&group.len()));
            let shapes: Vec<Vec<usize>> =
                outputs.0.iter().map(|(_, view)| [&[1], &view.shape[1..]].concat()).collect();
            let part = |index: usize| {
                let views = outputs.0.iter().zip(&shapes).map(|((name, view), shape)| {
                    let length = view.data.len() / group.len();
                    (*name, View { shape, data: &view.data[index * length..][..length] })
                });
                views.collect::<Vec<_>>()
            };
            each.then(|| (0..group.len()).map(|index| read(group[index], Outputs(&part(index)))).collect())
        };
        self.run(&inputs, split).ok().flatten()
    }
}

/// The places of a batch that run together: equal shapes where the model stacks, else each alone.
fn groups(batch: &[Vec<(&str, &Tensor)>], stacks: bool) -> Vec<Vec<usize>> {
    if !stacks {
        return (0..batch.len()).map(|place| vec![place]).collect();
    }
    let mut groups: BTreeMap<Vec<&[usize]>, Vec<usize>> = BTreeMap::new();
    for (place, inputs) in batch.iter().enumerate() {
        let shapes = inputs.iter().map(|(_, tensor)| tensor.shape.as_slice()).collect();
        groups.entry(shapes).or_default().push(place);
    }
    groups.into_values().collect()
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
