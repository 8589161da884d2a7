//! A face to a vector: alignment, session, and the mirrored pass.

use std::fmt;

use cortex_infer::{self as infer, Library, Session};
use cortex_models::{
    self as models, ARCFACE_112, DLIB_150, Decoder, Picture, Task, Tensor, chip, mirror, normalise,
};

use crate::Error;

/// A face as a point on the unit sphere of its space.
#[derive(Clone, PartialEq)]
pub struct Embedding(pub Vec<f32>);

impl fmt::Debug for Embedding {
    /// Biometric data never goes into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({})", self.0.len())
    }
}

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
        let mut sum = self.run(&chip)?;
        for (value, mirrored) in sum.iter_mut().zip(self.run(&mirror(&chip))?) {
            *value += mirrored;
        }
        normalise(&mut sum);
        Ok(sum.iter().all(|value| value.is_finite()).then_some(Embedding(sum)))
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
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}
