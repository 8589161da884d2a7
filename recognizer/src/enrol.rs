//! People into the gallery, from stills.

use cortex_infer::{self as infer, Library, Session};
use cortex_models::{Face, Manifest, Picture, Preprocessor, Rect, Task, crop, decode, quality_of_pose};
use cortex_proto::v1;
use cortex_runtime::still;

use crate::{
    Embedding, Error, Gallery, Model, Person,
    gallery::{Template, turn},
    quality::{SCORE, flaws, rivals},
};

/// Finds, judges and embeds the faces of stills.
pub struct Enroller {
    preprocessor: Preprocessor,
    faces: (cortex_models::Model, Session),
    model: Model,
}

/// A face of a still with its vector.
pub struct Embedded {
    /// The face, in pixels of the still.
    pub face: Face,
    /// Its vector.
    pub embedding: Embedding,
}

/// Longer side at which stills are looked at, in pixels: the first for those that are no larger, else the second. Those are
/// the sizes that the network was measured at: pictures of 250 pixels at 320 (Labelled Faces in the Wild), photographs at
/// 640 (43 of 43 faces and one false one; 1,280 finds no more, and nine false ones).
const SIDES: (usize, usize) = (320, 640);
/// Where nothing is above that, score above which something may be one: 0.3 finds the face of all 7,701 pictures of
/// Labelled Faces in the Wild's pairs.
const PERHAPS: f32 = 0.3;
const PICTURES: usize = 16;
/// A new person this similar to somebody enrolled is probably the same one.
const SAME: f32 = 0.95;
/// A portrait is this much larger than the face, so that it can be found and aligned in it again.
const MARGIN: f32 = 2.0;
/// Longer side of a portrait in pixels, and its JPEG quality.
const PORTRAIT: f32 = 320.0;
const QUALITY: u8 = 95;

impl Enroller {
    /// Loads the models that the configuration picks.
    pub fn load(library: &Library, infer: &infer::Config) -> Result<Self, Error> {
        let manifest = infer::manifest(infer)?;
        Self::open(library, infer, &infer::pick(infer, &manifest, Task::Embedding)?)
    }

    /// As [`Enroller::load`], with the embedding model of this name.
    pub fn open(library: &Library, infer: &infer::Config, embedding: &str) -> Result<Self, Error> {
        let manifest: Manifest = infer::manifest(infer)?;
        let name = infer::pick(infer, &manifest, Task::Faces)?;
        let faces = manifest.model(&name).map_err(infer::Error::from)?.clone();
        let session = Session::open(library, infer, &faces)?;
        Ok(Self {
            preprocessor: Preprocessor::default(),
            faces: (faces, session),
            model: Model::open(library, infer, embedding)?,
        })
    }

    /// The faces of a still with their vectors, largest first, and the still itself. Where none is sure, those that may be
    /// one: their score says so.
    pub fn embed(&mut self, bytes: &[u8]) -> Result<(Picture, Vec<Embedded>), Error> {
        let picture = still::decode(bytes, still::Limits::default())?;
        let mut faces = self.find(&picture)?;
        faces.sort_by(|a, b| b.rect.area().total_cmp(&a.rect.area()));
        let mut all = Vec::with_capacity(faces.len());
        for face in faces {
            if let Some(embedding) = self.model.embed(&picture, &face.landmarks)? {
                all.push(Embedded { face, embedding });
            }
        }
        Ok((picture, all))
    }

    /// The faces of a still as an answer to whoever may know them, largest first.
    pub fn describe(&mut self, bytes: &[u8]) -> Result<v1::EmbedResponse, Error> {
        let (picture, faces) = self.embed(bytes)?;
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let face = |found: Embedded| v1::EmbeddedFace {
            r#box: Some(v1::Box {
                x1: found.face.rect.x1 / width,
                y1: found.face.rect.y1 / height,
                x2: found.face.rect.x2 / width,
                y2: found.face.rect.y2 / height,
            }),
            score: found.face.score,
            landmarks: found
                .face
                .landmarks
                .iter()
                .map(|point| v1::Point { x: point[0] / width, y: point[1] / height })
                .collect(),
            embedding: found.embedding.vector.clone(),
            model: self.space().to_owned(),
        };
        Ok(v1::EmbedResponse {
            width: picture.width() as u32,
            height: picture.height() as u32,
            faces: faces.into_iter().map(face).collect(),
        })
    }

    /// The space of the vectors.
    pub fn space(&self) -> &str {
        self.model.space()
    }

    /// SHA-256 of the embedding model's file, in hex.
    pub fn digest(&self) -> &str {
        self.model.digest()
    }

    /// Enrols a person; every picture is answered in plain words. `keep_stills`: their faces are kept as well.
    ///
    /// # Errors
    /// Name or lists are wrong, no picture can be used, or the gallery cannot be written.
    pub fn enrol(
        &mut self,
        request: &v1::EnrolRequest,
        gallery: &Gallery,
        keep_stills: bool,
    ) -> Result<v1::EnrolResponse, Error> {
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(Error::Refused("name: 1 to 100 characters".to_owned()));
        }
        if request.pictures.is_empty() || request.pictures.len() > PICTURES {
            return Err(Error::Refused(format!("pictures: 1 to {PICTURES}")));
        }
        let (mut templates, mut stills, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        for bytes in &request.pictures {
            let (report, taken) = self.judge(bytes, gallery);
            reports.push(report);
            let Some((picture, found)) = taken else { continue };
            templates.push(self.template(&found));
            if keep_stills {
                stills.push(portrait(&picture, found.face.rect));
            }
        }
        if templates.is_empty() {
            let why: Vec<&str> = reports.iter().map(|report| report.text.as_str()).collect();
            return Err(Error::Refused(format!("no picture can be used: {}", why.join("; "))));
        }
        let person =
            Person { name: name.to_owned(), templates, enrolled_us: gallery.now(), ..Person::default() };
        Ok(v1::EnrolResponse { person: gallery.add(person, &stills, &request.lists)?, reports })
    }

    /// Makes templates of today's model for everybody who has none, from the stills that were kept.
    ///
    /// # Errors
    /// A still cannot be opened or embedded, or the gallery cannot be written; who was done stays done.
    pub fn renew(&mut self, gallery: &Gallery) -> Result<v1::RenewResponse, Error> {
        let mut answer = v1::RenewResponse::default();
        for known in gallery.people() {
            let Some(person) = gallery.read(&known.id)? else { continue };
            if person.templates.iter().any(|template| template.space == self.space()) {
                continue;
            }
            let mut templates = Vec::new();
            for still in gallery.stills(&known.id)? {
                let (_, faces) = self.embed(&still)?;
                templates.extend(faces.first().map(|found| self.template(found)));
            }
            if templates.is_empty() {
                answer.without_stills.push(known.id);
                continue;
            }
            gallery.change(&known.id, |person| {
                person.templates.clone_from(&templates);
                // A negative of another space is never compared again.
                person.negatives.clear();
                Ok(())
            })?;
            answer.renewed += 1;
        }
        Ok(answer)
    }

    fn template(&self, found: &Embedded) -> Template {
        Template {
            space: found.embedding.space.clone(),
            model: self.model.digest().to_owned(),
            quality: quality_of_pose(&found.face.landmarks),
            turn: turn(&found.face.landmarks),
            vector: found.embedding.vector.clone(),
        }
    }

    fn judge(&mut self, bytes: &[u8], gallery: &Gallery) -> (v1::PictureReport, Option<(Picture, Embedded)>) {
        let refused =
            |text: String, face_width: f32| (v1::PictureReport { accepted: false, text, face_width }, None);
        let (picture, mut found) = match self.embed(bytes) {
            Ok(found) => found,
            Err(error) => return refused(error.to_string(), 0.0),
        };
        let Some(Embedded { face, embedding }) = found.first() else {
            return refused("no face is seen".to_owned(), 0.0);
        };
        let width = face.rect.width();
        let faces: Vec<Face> = found.iter().map(|found| found.face).collect();
        if rivals(&faces) > 0 {
            return refused(format!("{} faces are seen: cut the picture to one", faces.len()), width);
        }
        let flaws: Vec<String> = flaws(&picture, face).iter().map(ToString::to_string).collect();
        if !flaws.is_empty() {
            return refused(flaws.join("; "), width);
        }
        let text = match gallery.resembles(embedding).filter(|(_, similarity)| *similarity >= SAME) {
            Some((person, similarity)) => format!(
                "taken, but it looks like {}, who is enrolled already (similarity {similarity:.3})",
                gallery.name(&person).unwrap_or_else(|| "somebody".to_owned()),
            ),
            None => format!("taken: the face is {width:.0} pixels wide"),
        };
        let behind = if faces.len() > 1 { "; a much smaller face behind it is passed over" } else { "" };
        let report = v1::PictureReport { accepted: true, text: format!("{text}{behind}"), face_width: width };
        (report, Some((picture, found.swap_remove(0))))
    }

    fn find(&mut self, picture: &Picture) -> Result<Vec<Face>, Error> {
        let (model, session) = &mut self.faces;
        let side = if picture.width().max(picture.height()) <= SIDES.0 { SIDES.0 } else { SIDES.1 };
        let size = model.input_size(picture, side);
        let (tensor, placement) = self.preprocessor.prepare(picture, size.0, size.1, model.fit());
        let mut faces = session.run(&[(&model.input, &tensor)], |outputs| {
            decode::faces(model, outputs, size, PERHAPS, &placement)
        })??;
        if faces.iter().any(|face| face.score > SCORE) {
            faces.retain(|face| face.score > SCORE);
        }
        Ok(faces)
    }
}

/// A face with some of what is around it, as a JPEG.
fn portrait(picture: &Picture, face: Rect) -> Vec<u8> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let (cx, cy) = face.centre();
    let half = face.width().max(face.height()) * MARGIN / 2.0;
    let area = Rect::new(cx - half, cy - half, cx + half, cy + half).clip(width, height);
    let (left, top) = (area.x1 as usize, area.y1 as usize);
    let (w, h) = ((area.width() as usize).max(1), (area.height() as usize).max(1));
    let cut = crop(picture, left, top, w, h);
    let scale = (PORTRAIT / w.max(h) as f32).min(1.0);
    let size = |side: usize| ((side as f32 * scale) as usize).max(1);
    still::encode(&Preprocessor::default().scale(&cut, size(w), size(h)), QUALITY)
}
