//! Pictures to detections: pre-processing, session, decoder, for objects and for faces.

use std::collections::BTreeMap;

use cortex_models::{
    Detection, Face, Model, Picture, Preprocessor, Task,
    decode::{self, DecodeError, Outputs},
};
use cortex_runtime::infer::{self, Library, Session};

use crate::{Config, Error};

/// What the models saw in one picture, in its pixels.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Objects at or above the score floor, best first.
    pub objects: Vec<Detection>,
    /// Faces, best first.
    pub faces: Vec<Face>,
    /// Why the models could not look, in words; empty when they could.
    pub failed: String,
}

/// The detector's models, ready to run.
pub struct Models {
    config: Config,
    preprocessor: Preprocessor,
    objects: (Model, Session),
    faces: Option<(Model, Session)>,
}

impl Models {
    /// Loads the models that the configuration picks.
    pub fn load(library: &Library, infer: &infer::Config, config: &Config) -> Result<Self, Error> {
        let manifest = infer.manifest()?;
        let open = |task| -> Result<(Model, Session), Error> {
            let name = infer.pick(&manifest, task)?;
            let model = manifest.model(&name).map_err(infer::Error::from)?.clone();
            let session = Session::open(library, infer, &model)?;
            Ok((model, session))
        };
        let faces = if config.face_long_side > 0 { Some(open(Task::Faces)?) } else { None };
        let mut models = Self {
            config: config.clone(),
            preprocessor: Preprocessor::default(),
            objects: open(Task::Objects)?,
            faces,
        };
        models.warm_up()?;
        Ok(models)
    }

    /// Looks at a grey picture, so that the first camera does not wait for what a session does once, and a model that
    /// does not fit its entry in the manifest is told now.
    fn warm_up(&mut self) -> Result<(), Error> {
        let grey = Picture::rgb(WARM_UP, WARM_UP, vec![114; WARM_UP * WARM_UP * 3]);
        let grey = grey.expect("as large as it says");
        self.objects(&[&grey]).into_iter().try_for_each(|seen| seen.map(|_| ()))?;
        self.faces(&[&grey]).into_iter().try_for_each(|seen| seen.map(|_| ()))
    }

    /// SHA-256 of the files, by task.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let faces = self.faces.iter().map(|(_, session)| ("faces".to_owned(), session.digest().to_owned()));
        faces.chain([("objects".to_owned(), self.objects.1.digest().to_owned())]).collect()
    }

    /// Looks at pictures of any cameras, in one call of a model that takes many. A picture that the models cannot look
    /// at is answered as failed, so that whoever waits for the frame hears of it.
    pub fn look(&mut self, pictures: &[&Picture]) -> Vec<Seen> {
        let (objects, faces) = (self.objects(pictures), self.faces(pictures));
        let seen = |(objects, faces): (Result<_, Error>, Result<_, Error>)| match (objects, faces) {
            (Ok(objects), Ok(faces)) => Seen { objects, faces, failed: String::new() },
            (Err(error), _) | (_, Err(error)) => Seen { failed: error.to_string(), ..Seen::default() },
        };
        objects.into_iter().zip(faces).map(seen).collect()
    }

    fn objects(&mut self, pictures: &[&Picture]) -> Vec<Result<Vec<Detection>, Error>> {
        let Self { config, preprocessor, objects: (model, session), .. } = self;
        let size = if model.size == (0, 0) { config.object_size } else { model.size };
        let prepare = |picture: &&Picture| {
            let (tensor, placement) = preprocessor.prepare(picture, size.0, size.1, model.fit());
            (tensor, model.size_input(picture.width(), picture.height()), placement)
        };
        let prepared: Vec<_> = pictures.iter().map(prepare).collect();
        let inputs = prepared.iter().map(|(tensor, size, _)| {
            let size = size.iter().map(|(name, size)| (*name, size));
            [(model.input.as_str(), tensor)].into_iter().chain(size).collect()
        });
        let read = |index: usize, outputs: Outputs<'_>| {
            decode::objects(model, outputs, size, config.score_floor, &prepared[index].2)
        };
        flat(session.run_each(&inputs.collect::<Vec<_>>(), read))
    }

    /// None for each picture when no faces are looked for.
    fn faces(&mut self, pictures: &[&Picture]) -> Vec<Result<Vec<Face>, Error>> {
        let Self { config, preprocessor, faces, .. } = self;
        let Some((model, session)) = faces else { return pictures.iter().map(|_| Ok(Vec::new())).collect() };
        let prepare = |picture: &&Picture| {
            let size = model.input_size(picture, config.face_long_side);
            (preprocessor.prepare(picture, size.0, size.1, model.fit()), size)
        };
        let prepared: Vec<_> = pictures.iter().map(prepare).collect();
        let inputs: Vec<_> =
            prepared.iter().map(|((tensor, _), _)| vec![(model.input.as_str(), tensor)]).collect();
        let read = |index: usize, outputs: Outputs<'_>| {
            let ((_, placement), size) = &prepared[index];
            decode::faces(model, outputs, *size, config.face_score, placement)
        };
        flat(session.run_each(&inputs, read))
    }
}

/// Side of the picture that the models are tried on, in pixels.
const WARM_UP: usize = 64;

fn flat<T>(answers: Vec<Result<Result<T, DecodeError>, infer::Error>>) -> Vec<Result<T, Error>> {
    answers.into_iter().map(|answer| Ok(answer??)).collect()
}
