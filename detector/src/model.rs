//! Pictures to detections: pre-processing, session, decoder, for objects, faces and bodies.

use std::collections::BTreeMap;

use cortex_infer::{self as infer, Library, Session};
use cortex_models::{
    Decoder, Detection, Face, Model, Picture, Pose, Preprocessor, Task,
    decode::{self, DecodeError, Outputs},
};
use cortex_rules::Needs;
use tracing::error;

use crate::{Config, Error, pose};

/// What the models saw in one picture, in its pixels.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Objects at or above the score floor, best first.
    pub objects: Vec<Detection>,
    /// Faces, best first.
    pub faces: Vec<Face>,
    /// How bodies are held, by index of the object; only of those that a rule asks about.
    pub poses: Vec<(usize, Pose)>,
    /// Why the models could not look, in words; empty when they could.
    pub failed: String,
}

/// The detector's models, ready to run.
pub struct Models {
    config: Config,
    preprocessor: Preprocessor,
    objects: (Model, Session),
    faces: Option<(Model, Session)>,
    pose: Lazy,
}

/// The body model, loaded when the first rule asks for it: it costs every worker 5 MB and a blink, and most sites never
/// ask. Rules change on another thread than the one that runs sessions, so it is the first picture that loads it.
enum Lazy {
    Unasked(Library, infer::Config),
    Ready(Box<(Model, Session)>),
    /// It cannot be loaded, and that was said.
    Broken,
}

impl Models {
    /// Loads the models that the configuration picks.
    pub fn load(library: &Library, infer: &infer::Config, config: &Config) -> Result<Self, Error> {
        let faces = if config.face_long_side > 0 { Some(open(library, infer, Task::Faces)?) } else { None };
        let mut models = Self {
            config: config.clone(),
            preprocessor: Preprocessor::default(),
            objects: open(library, infer, Task::Objects)?,
            faces,
            pose: Lazy::Unasked(library.clone(), infer.clone()),
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

    /// SHA-256 of the files loaded, by task.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let pose = if let Lazy::Ready(pose) = &self.pose { Some(("pose", &pose.1)) } else { None };
        let sessions = self.faces.iter().map(|(_, session)| ("faces", session)).chain(pose);
        let sessions = sessions.chain([("objects", &self.objects.1)]);
        sessions.map(|(task, session)| (task.to_owned(), session.digest().to_owned())).collect()
    }

    /// Looks at pictures of any cameras, in one call of a model that takes many. A picture that the models cannot look
    /// at is answered as failed, so that whoever waits for the frame hears of it.
    pub fn look(&mut self, pictures: &[&Picture]) -> Vec<Seen> {
        let (objects, faces) = (self.objects(pictures), self.faces(pictures));
        let seen = |(objects, faces): (Result<_, Error>, Result<_, Error>)| match (objects, faces) {
            (Ok(objects), Ok(faces)) => Seen { objects, faces, ..Seen::default() },
            (Err(error), _) | (_, Err(error)) => Seen { failed: error.to_string(), ..Seen::default() },
        };
        objects.into_iter().zip(faces).map(seen).collect()
    }

    /// Adds how bodies are held to what was seen in a picture, the `n`-th of its camera, where a rule asks.
    pub fn look_at_bodies(&mut self, picture: &Picture, n: u64, needs: &Needs, seen: &mut Seen) {
        if needs.pose()
            && seen.failed.is_empty()
            && n.is_multiple_of(u64::from(self.config.pose_every.max(1)))
        {
            match self.poses(picture, &seen.objects, needs) {
                Ok(poses) => seen.poses = poses,
                Err(error) => *seen = Seen { failed: error.to_string(), ..Seen::default() },
            }
        }
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

    fn poses(
        &mut self,
        picture: &Picture,
        objects: &[Detection],
        needs: &Needs,
    ) -> Result<Vec<(usize, Pose)>, Error> {
        let wanted = pose::wanted(objects, picture, needs);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let Some((model, session)) = self.pose.load() else { return Ok(Vec::new()) };
        let mut found = Vec::with_capacity(wanted.len());
        for index in wanted {
            let crop = pose::crop(objects[index].rect, model.size);
            let tensor = self.preprocessor.part(picture, crop, model.size.0, model.size.1);
            let read = |outputs: Outputs<'_>| match model.decoder {
                Decoder::Movenet => decode::movenet(outputs, crop),
                Decoder::Rtmpose => decode::rtmpose(outputs, crop),
                _ => Err(DecodeError::Missing("(a decoder for bodies)".to_owned())),
            };
            found.push((index, session.run(&[(&model.input, &tensor)], read)??));
        }
        Ok(pose::believe(found, objects))
    }
}

impl Lazy {
    /// The model, loaded at the first call. Objects and faces are found without it, so a missing file costs no picture.
    fn load(&mut self) -> Option<&mut (Model, Session)> {
        if let Self::Unasked(library, infer) = self {
            *self = match open(library, infer, Task::Pose) {
                Ok(pose) => Self::Ready(Box::new(pose)),
                Err(error) => {
                    error!(%error, "body model not loaded: rules about falls, lying and raised hands are blind");
                    Self::Broken
                }
            };
        }
        if let Self::Ready(pose) = self { Some(pose) } else { None }
    }
}

/// The session that the configuration picks for a task.
fn open(library: &Library, infer: &infer::Config, task: Task) -> Result<(Model, Session), Error> {
    let manifest = infer::manifest(infer)?;
    let name = infer::pick(infer, &manifest, task)?;
    let model = manifest.model(&name).map_err(infer::Error::from)?.clone();
    let session = Session::open(library, infer, &model)?;
    Ok((model, session))
}

/// Side of the picture that the models are tried on, in pixels.
const WARM_UP: usize = 64;

fn flat<T>(answers: Vec<Result<Result<T, DecodeError>, infer::Error>>) -> Vec<Result<T, Error>> {
    answers.into_iter().map(|answer| Ok(answer??)).collect()
}
