//! The one face of each picture of a set that is judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::bail;
use cortex_models::{Face, Picture};
use cortex_recognizer::{Embedded, Embedding};
use serde_json::{Value, json};

use crate::pictures::Workers;

/// Similarity of what has no face to anything: the lowest there is.
pub(super) const NOTHING: f32 = -1.0;

/// The face of a picture.
pub(super) struct Look {
    /// Its vector.
    pub(super) embedding: Embedding,
    /// How good the view is, 0..1, as the detector judges it.
    pub(super) quality: f32,
}

/// What was seen in the pictures that could be read.
pub(super) struct Looks {
    by_picture: BTreeMap<PathBuf, Option<Look>>,
    unreadable: BTreeSet<PathBuf>,
}

impl Looks {
    /// Looks at every picture once.
    pub(super) fn at<'a>(
        workers: &mut Workers,
        pictures: impl IntoIterator<Item = &'a PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut unreadable: BTreeSet<PathBuf> = pictures.into_iter().cloned().collect();
        let pictures: Vec<PathBuf> = unreadable.iter().cloned().collect();
        let mut by_picture = BTreeMap::new();
        let read = |_: &Path, picture: &Picture, faces: &[Embedded]| {
            subject(picture, faces).map(|found| Look {
                embedding: found.embedding.clone(),
                quality: cortex_detector::quality(picture, &found.face),
            })
        };
        workers.each(&pictures, read, |path, look| {
            unreadable.remove(path);
            by_picture.insert(path.to_owned(), look);
        })?;
        Ok(Self { by_picture, unreadable })
    }

    /// The face of a picture; the outer `None` when it could not be read, the inner one when none was seen.
    pub(super) fn of(&self, picture: &Path) -> Option<Option<&Look>> {
        self.by_picture.get(picture).map(Option::as_ref)
    }

    /// How many there are, and which have no face or could not be read.
    pub(super) fn as_json(&self) -> Value {
        json!({
            "read": self.by_picture.len(),
            "without_face": self.faceless().collect::<Vec<_>>(),
            "unreadable": self.unreadable,
        })
    }

    /// The same in words.
    pub(super) fn in_words(&self) -> String {
        let mut text =
            format!("{} pictures, {} of them without a face", self.by_picture.len(), self.faceless().count());
        for path in self.faceless() {
            text.push_str(&format!("\n  no face is seen in {}", path.display()));
        }
        text
    }

    /// # Errors
    /// Pictures could not be read: the figures are not of the whole set.
    pub(super) fn whole(&self) -> anyhow::Result<()> {
        match self.unreadable.len() {
            0 => Ok(()),
            some => bail!(
                "{some} of {} pictures cannot be read, and what they are part of is left out of the figures",
                some + self.by_picture.len()
            ),
        }
    }

    fn faceless(&self) -> impl Iterator<Item = &PathBuf> {
        self.by_picture.iter().filter(|(_, look)| look.is_none()).map(|(path, _)| path)
    }
}

/// The face that a picture of a set is about: large and central, by the measure of facenet and InsightFace, area minus
/// twice the squared distance between the centres of face and picture, in pixels.
fn subject<'a>(picture: &Picture, faces: &'a [Embedded]) -> Option<&'a Embedded> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let central = |face: &Face| {
        let (x, y) = face.rect.centre();
        face.rect.area() - 2.0 * ((x - width / 2.0).powi(2) + (y - height / 2.0).powi(2))
    };
    faces.iter().max_by(|a, b| central(&a.face).total_cmp(&central(&b.face)))
}

#[cfg(test)]
mod tests {
    use cortex_models::Rect;

    use super::*;

    #[test]
    fn the_face_in_the_middle_is_meant_unless_another_is_much_larger() {
        let picture = Picture::rgb(250, 250, vec![0; 250 * 250 * 3]).unwrap();
        let face = |x: f32, y: f32, side: f32| Embedded {
            face: Face {
                rect: Rect::new(x - side / 2.0, y - side / 2.0, x + side / 2.0, y + side / 2.0),
                score: 0.9,
                landmarks: [[x, y]; 5],
            },
            embedding: Embedding { space: String::new(), vector: vec![side], plain: Vec::new() },
        };
        let chosen = |faces: &[Embedded]| subject(&picture, faces).map(|found| found.embedding.vector[0]);
        assert_eq!(chosen(&[face(30.0, 30.0, 110.0), face(125.0, 125.0, 90.0)]), Some(90.0));
        assert_eq!(chosen(&[face(125.0, 125.0, 20.0), face(100.0, 100.0, 140.0)]), Some(140.0));
        assert_eq!(chosen(&[]), None);
    }
}
