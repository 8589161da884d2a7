//! One still: every face, and the head part of every person without one.

use cortex_models::{Face, Manifest, Model, Picture, Preprocessor, Rect, Task, Tensor, decode};
use cortex_proto::v1;
use cortex_runtime::{
    infer::{self, Library, Session},
    still,
};

use crate::{
    Config, Error, Region,
    mask::mask,
    regions::{head, within},
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
/// Lower than in video: a still has no second frame.
const SCORE: f32 = 0.3;
const JPEG_QUALITY: u8 = 92;

impl Redactor {
    /// Loads its models.
    pub fn load(library: &Library, infer: &infer::Config, config: Config) -> Result<Self, Error> {
        let manifest: Manifest = infer.manifest()?;
        let open = |task| -> Result<(Model, Session), Error> {
            let name = infer.pick(&manifest, task)?;
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
        let region = |rect: Rect| Region {
            x1: rect.x1 / width,
            y1: rect.y1 / height,
            x2: rect.x2 / width,
            y2: rect.y2 / height,
        };
        let mut regions: Vec<Region> = faces.iter().map(|face| region(face.rect.grow(1.3, 1.3))).collect();
        let mut free: Vec<[f32; 4]> = regions
            .iter()
            .map(|face| {
                [(face.x1 + face.x2) / 2.0, (face.y1 + face.y2) / 2.0, face.x2 - face.x1, face.y2 - face.y1]
            })
            .collect();
        for person in self.people(picture)? {
            let place = v1::Box {
                x1: person.x1 / width,
                y1: person.y1 / height,
                x2: person.x2 / width,
                y2: person.y2 / height,
            };
            let part = head(&place, width / height);
            // A face stands for one person only, and only where that person's head must be.
            if let Some(index) = free.iter().position(|face| within(*face, part)) {
                free.remove(index);
            } else {
                let [x, y, w, h] = part;
                regions.push(Region { x1: x - w / 2.0, y1: y - h / 2.0, x2: x + w / 2.0, y2: y + h / 2.0 });
            }
        }
        Ok(regions)
    }

    fn faces(&mut self, picture: &Picture, side: usize) -> Result<Vec<Face>, Error> {
        let (model, session) = &mut self.faces;
        let size = model.input_size(picture, side);
        let (tensor, placement) = self.preprocessor.prepare(picture, size.0, size.1, model.fit());
        Ok(session.run(&[(&model.input, &tensor)], |outputs| {
            decode::faces(model, outputs, size, SCORE, &placement)
        })??)
    }

    fn people(&mut self, picture: &Picture) -> Result<Vec<Rect>, Error> {
        let (model, session) = &mut self.objects;
        let size = if model.size == (0, 0) { (640, 640) } else { model.size };
        let (tensor, placement) = self.preprocessor.prepare(picture, size.0, size.1, model.fit());
        let inputs = model.size_input(picture.width(), picture.height());
        let inputs: Vec<(&str, &Tensor)> = [(model.input.as_str(), &tensor)]
            .into_iter()
            .chain(inputs.iter().map(|(name, size)| (*name, size)))
            .collect();
        let found =
            session.run(&inputs, |outputs| decode::objects(model, outputs, size, SCORE, &placement))??;
        Ok(found.into_iter().filter(|one| one.class == 0).map(|one| one.rect).collect())
    }
}
