//! `models.toml`: which files there are, where they are from, and how they are read.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

/// The manifest that ships with Cortex.
const SHIPPED: &str = include_str!("../models.toml");

/// Every model by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Every model by name.
    pub models: BTreeMap<String, Model>,
}

/// One model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What it is for.
    pub task: Task,
    /// Arithmetic of its weights.
    pub precision: Precision,
    /// File name in the models folder.
    pub file: String,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Where the weights are from.
    pub source: String,
    /// How its outputs are read.
    pub decoder: Decoder,
    /// Name of the picture input.
    pub input: String,
    /// Width and height in pixels when they are fixed; 0, 0 for any multiple of 32.
    #[serde(default)]
    pub size: (usize, usize),
    /// Embeddings of one space may be compared; no others.
    #[serde(default)]
    pub embedding_space: String,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Objects in a picture.
    Objects,
    /// Faces in a picture.
    Faces,
    /// An aligned face to a vector.
    Embedding,
    /// A person's crop to keypoints.
    Pose,
    /// An aligned face to a gradient.
    Cloak,
}

/// Arithmetic of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Floating point.
    Fp,
    /// Eight-bit integers, for CPUs.
    Int8,
}

/// How a model's outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    /// [`crate::decode::boxes_scores`]
    BoxesScores,
    /// [`crate::decode::yolox`]
    Yolox,
    /// [`crate::decode::yolov8`]
    Yolov8,
    /// [`crate::decode::detr_logits`]
    DetrLogits,
    /// [`crate::decode::detr_postprocessed`]
    DetrPostprocessed,
    /// [`crate::decode::centerface`]
    Centerface,
    /// [`crate::decode::scrfd`]
    Scrfd,
    /// [`crate::decode::yunet`]
    Yunet,
    /// A vector from a chip aligned to [`crate::DLIB_150`].
    Dlib150,
    /// A vector from a chip aligned to [`crate::ARCFACE_112`].
    Arcface112,
    /// [`crate::decode::movenet`]
    Movenet,
    /// [`crate::decode::rtmpose`]
    Rtmpose,
    /// Loss, structural difference and gradient of a cloak.
    Gradient,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not a manifest.
    #[error("read the manifest of models: {0}")]
    Parse(#[from] toml::de::Error),
    /// No such model.
    #[error("no model `{0}` in the manifest; there are: {1}")]
    Unknown(String, String),
}

impl Manifest {
    /// The manifest that ships with Cortex.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped manifest is tested")
    }

    /// A manifest from text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Ok(toml::from_str(text)?)
    }

    /// A manifest from a file.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let read = std::fs::read_to_string(path);
        Self::parse(&read.map_err(|source| ManifestError::Read { path: path.display().to_string(), source })?)
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Result<&Model, ManifestError> {
        let known = || self.models.keys().cloned().collect::<Vec<_>>().join(", ");
        self.models.get(name).ok_or_else(|| ManifestError::Unknown(name.to_owned(), known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_model_is_whole() {
        let manifest = Manifest::shipped();
        assert_eq!(manifest.models.len(), 7);
        for (name, model) in &manifest.models {
            assert_eq!(model.sha256.len(), 64, "{name}");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("files").join(&model.file);
            assert!(path.is_file(), "{name}: {}", path.display());
        }
        let int8 = manifest.model("face_dlib_resnet_128_int8").unwrap();
        assert_eq!(int8.embedding_space, manifest.model("face_dlib_resnet_128").unwrap().embedding_space);
        assert!(manifest.model("nothing").is_err());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(Manifest::parse("[models.x]\ncolour = 'bgr'").is_err());
    }
}
