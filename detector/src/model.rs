//! Pictures to detections: pre-processing, session, decoder, for objects, faces and bodies.

use std::collections::HashMap;

use cortex_models::{
    Decoder, Detection, Face, Fit, Model, Picture, Pose, Preprocessor, Task,
    decode::{self, DecodeError, Outputs, Thresholds},
    multiple_of_32,
};
use cortex_runtime::infer::{self, Library, Session};
use tracing::error;

use crate::{Config, Error, pose, rules::Needs};

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

/// Boxes of one group that overlap more than this are one thing (NanoDet's own value).
const OBJECT_IOU: f32 = 0.6;
/// CenterFace's own value.
const FACE_IOU: f32 = 0.3;

impl Models {
    /// Loads the models that the configuration picks.
    pub fn load(library: &Library, infer: &infer::Config, config: &Config) -> Result<Self, Error> {
        let faces = if config.face_long_side > 0 { Some(open(library, infer, Task::Faces)?) } else { None };
        Ok(Self {
            config: config.clone(),
            preprocessor: Preprocessor::default(),
            objects: open(library, infer, Task::Objects)?,
            faces,
            pose: Lazy::Unasked(library.clone(), infer.clone()),
        })
    }

    /// SHA-256 of the files loaded, by task.
    pub fn digests(&self) -> HashMap<String, String> {
        let pose = if let Lazy::Ready(pose) = &self.pose { Some(("pose", &pose.1)) } else { None };
        let sessions = self.faces.iter().map(|(_, session)| ("faces", session)).chain(pose);
        let sessions = sessions.chain([("objects", &self.objects.1)]);
        sessions.map(|(task, session)| (task.to_owned(), session.digest().to_owned())).collect()
    }

    /// Looks at one picture, the `n`-th of its camera. A picture that the models cannot look at is answered as failed,
    /// so that whoever waits for the frame hears of it.
    pub fn look(&mut self, picture: &Picture, n: u64, needs: &Needs) -> Seen {
        let mut see = || -> Result<Seen, Failed> {
            let objects = self.objects(picture)?;
            let faces = self.faces(picture)?;
            let due = needs.pose() && n.is_multiple_of(u64::from(self.config.pose_every.max(1)));
            let poses = if due { self.poses(picture, &objects, needs)? } else { Vec::new() };
            Ok(Seen { objects, faces, poses, failed: String::new() })
        };
        see().unwrap_or_else(|error| Seen { failed: error.to_string(), ..Seen::default() })
    }

    fn objects(&mut self, picture: &Picture) -> Result<Vec<Detection>, Failed> {
        let (model, session) = &mut self.objects;
        let (width, height) = if model.size == (0, 0) { self.config.object_size } else { model.size };
        let fit = if matches!(model.decoder, Decoder::DetrLogits | Decoder::DetrPostprocessed) {
            Fit::Stretch
        } else {
            Fit::Letterbox
        };
        let (tensor, placement) = self.preprocessor.prepare(picture, width, height, fit);
        let thresholds = Thresholds { score: self.config.score_floor, iou: OBJECT_IOU };
        let decoder = model.decoder;
        let read = |outputs: Outputs<'_>| match decoder {
            Decoder::BoxesScores => decode::boxes_scores(outputs, thresholds, &placement),
            Decoder::Yolox => decode::yolox(outputs, (width, height), thresholds, &placement),
            Decoder::Yolov8 => decode::yolov8(outputs, thresholds, &placement),
            Decoder::DetrLogits => decode::detr_logits(outputs, (width, height), thresholds, &placement),
            Decoder::DetrPostprocessed => decode::detr_postprocessed(outputs, thresholds, &placement),
            _ => Err(wrong_decoder("objects")),
        };
        Ok(session.run(&[(&model.input, &tensor)], read)??)
    }

    fn faces(&mut self, picture: &Picture) -> Result<Vec<Face>, Failed> {
        let Some((model, session)) = &mut self.faces else { return Ok(Vec::new()) };
        let (width, height) = if model.size == (0, 0) {
            let scale = self.config.face_long_side as f32 / picture.width().max(picture.height()) as f32;
            (multiple_of_32(picture.width() as f32 * scale), multiple_of_32(picture.height() as f32 * scale))
        } else {
            model.size
        };
        let (tensor, placement) = self.preprocessor.prepare(picture, width, height, Fit::Stretch);
        let thresholds = Thresholds { score: self.config.face_score, iou: FACE_IOU };
        let decoder = model.decoder;
        let read = |outputs: Outputs<'_>| match decoder {
            Decoder::Centerface => decode::centerface(outputs, thresholds, &placement),
            Decoder::Scrfd => decode::scrfd(outputs, (width, height), thresholds, &placement),
            Decoder::Yunet => decode::yunet(outputs, (width, height), thresholds, &placement),
            _ => Err(wrong_decoder("faces")),
        };
        Ok(session.run(&[(&model.input, &tensor)], read)??)
    }

    fn poses(
        &mut self,
        picture: &Picture,
        objects: &[Detection],
        needs: &Needs,
    ) -> Result<Vec<(usize, Pose)>, Failed> {
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
                _ => Err(wrong_decoder("bodies")),
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
                    error!(%error, "body model not loaded: rules about falls, lying, hands and climbing are blind");
                    Self::Broken
                }
            };
        }
        if let Self::Ready(pose) = self { Some(pose) } else { None }
    }
}

/// The session that the configuration picks for a task.
fn open(library: &Library, infer: &infer::Config, task: Task) -> Result<(Model, Session), Error> {
    let manifest = infer.manifest()?;
    let name = infer.pick(&manifest, task)?;
    let model = manifest.model(&name).map_err(infer::Error::from)?.clone();
    let session = Session::open(library, infer, &model)?;
    Ok((model, session))
}

/// Why one picture has no answer.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Run(#[from] infer::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

fn wrong_decoder(task: &str) -> DecodeError {
    DecodeError::Missing(format!("(a decoder for {task})"))
}
