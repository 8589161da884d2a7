//! One still: every face, and the head part of every person without one.

use cortex_infer::{self as infer, Library, Session};
use cortex_models::{Face, Manifest, Model, Picture, Preprocessor, Rect, Task, Tensor, decode};
use cortex_proto::v1;
use cortex_runtime::still;

use crate::{
    Config, Error, Region,
    mask::mask,
    regions::{Regions, head, middle, within},
};

/// Redacts stills, with models of its own.
pub struct Redactor {
    config: Config,
    preprocessor: Preprocessor,
    faces: (Model, Session),
    objects: (Model, Session),
}

/// Longer sides at which faces are looked for: near faces are found small, far ones large.
const SIDES: [usize; 3] = [320, 640, 1280];
/// Faces from this score on: lower than in video, a still has no second frame. Persons as in video.
const FACE_SCORE: f32 = 0.3;
const JPEG_QUALITY: u8 = 92;

impl Redactor {
    /// Loads its models.
    pub fn load(library: &Library, infer: &infer::Config, config: Config) -> Result<Self, Error> {
        let manifest: Manifest = infer::manifest(infer)?;
        let open = |task| -> Result<(Model, Session), Error> {
            let name = infer::pick(infer, &manifest, task)?;
            let model = manifest.model(&name).map_err(infer::Error::from)?.clone();
            let session = Session::open(library, infer, &model)?;
            Ok((model, session))
        };
        let (faces, objects) = (open(Task::Faces)?, open(Task::Objects)?);
        Ok(Self { config, preprocessor: Preprocessor::default(), faces, objects })
    }

    /// The still as a JPEG with its faces redacted, and how many regions that were.
    pub fn redact(&mut self, bytes: &[u8]) -> Result<(Vec<u8>, usize), Error> {
        let picture = still::decode(bytes, still::Limits::default())?;
        let regions = self.regions(&picture)?;
        let masked = mask(&picture, &regions, self.config.style);
        Ok((still::encode(&masked, JPEG_QUALITY), regions.len()))
    }

    /// What is redacted in a picture.
    pub fn regions(&mut self, picture: &Picture) -> Result<Vec<Region>, Error> {
        let mut faces: Vec<Face> = Vec::new();
        for side in
            SIDES.into_iter().filter(|side| *side <= picture.width().max(picture.height()).max(SIDES[1]))
        {
            faces.extend(self.faces(picture, side)?);
        }
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let place = |rect: Rect| v1::Box {
            x1: rect.x1 / width,
            y1: rect.y1 / height,
            x2: rect.x2 / width,
            y2: rect.y2 / height,
        };
        let people = self.people(picture)?.into_iter().map(|(rect, score)| v1::Object {
            class: "person".to_owned(),
            score,
            r#box: Some(place(rect)),
            ..Default::default()
        });
        let faces = faces.into_iter().map(|face| v1::Face {
            r#box: Some(place(face.rect)),
            score: face.score,
            track: 0,
        });
        let mut seen =
            v1::Detections { objects: people.collect(), faces: faces.collect(), ..Default::default() };
        bind(&mut seen, width / height);
        Ok(Regions::default().update(&seen, &self.config, width / height))
    }

    fn faces(&mut self, picture: &Picture, side: usize) -> Result<Vec<Face>, Error> {
        let (model, session) = &mut self.faces;
        let size = model.input_size(picture, side);
        let (tensor, placement) = self.preprocessor.prepare(picture, size.0, size.1, model.fit());
        Ok(session.run(&[(&model.input, &tensor)], |outputs| {
            decode::faces(model, outputs, size, FACE_SCORE, &placement)
        })??)
    }

    fn people(&mut self, picture: &Picture) -> Result<Vec<(Rect, f32)>, Error> {
        let (model, session) = &mut self.objects;
        let size = if model.size == (0, 0) { (640, 640) } else { model.size };
        let (tensor, placement) = self.preprocessor.prepare(picture, size.0, size.1, model.fit());
        let inputs = model.size_input(picture.width(), picture.height());
        let inputs: Vec<(&str, &Tensor)> = [(model.input.as_str(), &tensor)]
            .into_iter()
            .chain(inputs.iter().map(|(name, size)| (*name, size)))
            .collect();
        let score = self.config.person_score;
        let found =
            session.run(&inputs, |outputs| decode::objects(model, outputs, size, score, &placement))??;
        Ok(found.into_iter().filter(|one| one.class == 0).map(|one| (one.rect, one.score)).collect())
    }
}

/// Gives a person and the face where that person's head must be the same number. A face stands for one person only.
fn bind(seen: &mut v1::Detections, aspect: f32) {
    for (person, track) in seen.objects.iter_mut().zip(1..) {
        let part = person.r#box.as_ref().map(|place| head(place, aspect));
        let owns = |face: &&mut v1::Face| {
            let centre = face.r#box.as_ref().map(middle);
            face.track == 0 && centre.zip(part).is_some_and(|(face, part)| within(face, part))
        };
        if let Some(face) = seen.faces.iter_mut().find(owns) {
            (person.track, face.track) = (track, track);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_stands_for_one_person_only() {
        let place = |x: f32, y: f32, w: f32, h: f32| Some(v1::Box { x1: x, y1: y, x2: x + w, y2: y + h });
        let person = |x: f32, score: f32| v1::Object {
            class: "person".to_owned(),
            score,
            r#box: place(x, 0.2, 0.1, 0.6),
            ..Default::default()
        };
        let face = v1::Face { r#box: place(0.43, 0.22, 0.04, 0.06), score: 0.9, track: 0 };
        // Two boxes over the same face, one box without a face, and one that only a config for lower scores covers.
        let mut seen = v1::Detections {
            objects: vec![person(0.40, 0.8), person(0.41, 0.3), person(0.7, 0.15), person(0.2, 0.05)],
            faces: vec![face],
            ..Default::default()
        };
        bind(&mut seen, 1.33);
        let redacted = |config: &Config| Regions::default().update(&seen, config, 1.33).len();
        assert_eq!(redacted(&Config::default()), 3, "the face and two heads: as in video");
        assert_eq!(redacted(&Config { person_score: 0.0, ..Config::default() }), 4);
    }
}
