//! Pictures to detections: pre-processing, session, decoder, for objects and for faces.

use std::collections::BTreeMap;

use cortex_models::{
    Decoder, Detection, Face, Fit, Model, Picture, Preprocessor, Task,
    decode::{self, DecodeError, Outputs, Thresholds},
    multiple_of_32,
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

/// Boxes of one group that overlap more than this are one thing (NanoDet's own value).
const OBJECT_IOU: f32 = 0.6;
/// CenterFace's own value.
const FACE_IOU: f32 = 0.3;

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
        Ok(Self {
            config: config.clone(),
            preprocessor: Preprocessor::default(),
            objects: open(Task::Objects)?,
            faces,
        })
    }

    /// SHA-256 of the files, by task.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let faces = self.faces.iter().map(|(_, session)| ("faces".to_owned(), session.digest().to_owned()));
        faces.chain([("objects".to_owned(), self.objects.1.digest().to_owned())]).collect()
    }

    /// Looks at one picture. A picture that the models cannot look at is answered as failed, so that whoever waits for
    /// the frame hears of it.
    pub fn look(&mut self, picture: &Picture) -> Seen {
        let seen = self.objects(picture).and_then(|objects| Ok((objects, self.faces(picture)?)));
        match seen {
            Ok((objects, faces)) => Seen { objects, faces, failed: String::new() },
            Err(error) => Seen { failed: error.to_string(), ..Seen::default() },
        }
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
