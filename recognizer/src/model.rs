//! A face to a vector: alignment, session, and the mirrored pass.

use std::fmt;

use cortex_infer::{self as infer, Library, Session};
use cortex_models::{
    self as models, ARCFACE_112, DLIB_150, Decoder, Picture, Task, Tensor, chip, mirror, normalise,
};

use zeroize::Zeroize;

use crate::{Error, import::FACEAPI_128};

/// A face as a point of an embedding space.
#[derive(Clone, Default, PartialEq)]
pub struct Embedding {
    /// The space; vectors of two spaces never meet.
    pub space: String,
    /// Of length one: the sum of what the model says of the face and of its mirror image.
    pub vector: Vec<f32>,
    /// What the model said of the face alone, as long as it came: comparable with [`FACEAPI_128`]. Empty for a model
    /// that is not that network.
    pub plain: Vec<f32>,
}

impl fmt::Debug for Embedding {
    /// Biometric data never goes into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({}, {} values)", self.space, self.vector.len())
    }
}

impl Drop for Embedding {
    fn drop(&mut self) {
        self.vector.zeroize();
        self.plain.zeroize();
    }
}

/// The space of the network that [`FACEAPI_128`] came from.
const DLIB: &str = "dlib-resnet-128";

/// The embedding model, ready to run.
pub struct Model {
    model: models::Model,
    session: Session,
}

impl Model {
    /// Loads the model that the configuration picks.
    pub fn load(library: &Library, infer: &infer::Config) -> Result<Self, Error> {
        let manifest = infer::manifest(infer)?;
        Self::open(library, infer, &infer::pick(infer, &manifest, Task::Embedding)?)
    }

    /// Loads the embedding model of this name.
    pub fn open(library: &Library, infer: &infer::Config, name: &str) -> Result<Self, Error> {
        let manifest = infer::manifest(infer)?;
        let model = manifest.model(name).map_err(infer::Error::from)?.clone();
        if model.task != Task::Embedding {
            return Err(Error::Refused(format!(
                "model `{name}` is for {:?}, not for embeddings",
                model.task
            )));
        }
        let session = Session::open(library, infer, &model)?;
        Ok(Self { model, session })
    }

    /// The space its vectors are in; vectors of two spaces never meet.
    pub fn space(&self) -> &str {
        &self.model.embedding_space
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> &str {
        self.session.digest()
    }

    /// The vector of a face, from the picture and its landmarks in pixels: the sum of the face's and of its mirror
    /// image's, of length one. `None` when the landmarks make no face.
    pub fn embed(
        &mut self,
        picture: &Picture,
        landmarks: &[[f32; 2]; 5],
    ) -> Result<Option<Embedding>, Error> {
        let (template, size) = match self.model.decoder {
            Decoder::Arcface112 => (&ARCFACE_112, 112),
            _ => (&DLIB_150, 150),
        };
        let Some(chip) = chip(picture, landmarks, template, size) else { return Ok(None) };
        let plain = self.run(&chip)?;
        let mirrored = self.run(&mirror(&chip))?;
        let mut vector: Vec<f32> =
            plain.iter().zip(mirrored).map(|(value, mirrored)| value + mirrored).collect();
        normalise(&mut vector);
        if !vector.iter().all(|value| value.is_finite()) {
            return Ok(None);
        }
        let space = self.space().to_owned();
        let plain = if space == DLIB { plain } else { Vec::new() };
        Ok(Some(Embedding { space, vector, plain }))
    }

    fn run(&mut self, chip: &Tensor) -> Result<Vec<f32>, Error> {
        let first =
            |outputs: models::decode::Outputs<'_>| outputs.0.first().map(|(_, view)| view.data.to_vec());
        let vector = self.session.run(&[(&self.model.input, chip)], first)?;
        vector.ok_or_else(|| models::DecodeError::Missing("embedding".to_owned()).into())
    }
}

impl Embedding {
    /// The cosine of the angle to another vector, -1..1.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.vector.iter().zip(&other.vector).map(|(a, b)| a * b).sum()
    }

    /// The values that are comparable with templates of a space; `None` when there are none.
    pub(crate) fn in_space(&self, space: &str) -> Option<&[f32]> {
        match space {
            FACEAPI_128 if !self.plain.is_empty() => Some(&self.plain),
            _ if space == self.space => Some(&self.vector),
            _ => None,
        }
    }
}
