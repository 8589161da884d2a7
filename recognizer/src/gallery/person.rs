//! Somebody enrolled, as they are sealed.

use std::{collections::BTreeMap, fmt};

use cortex_runtime::keys::{self, Key};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Somebody enrolled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// Random, in hexadecimal digits.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// What they look like.
    pub templates: Vec<Template>,
    /// Faces that somebody said are not theirs: a probe that is nearer to one of these is nobody.
    pub negatives: Vec<Template>,
    /// When they were enrolled, in microseconds since 1970.
    pub enrolled_us: i64,
    /// Who they turned out to be: their templates count for that person. Empty for none.
    pub merged_into: String,
    /// Stills kept.
    pub stills: u32,
}

/// One picture of a face as a vector.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The embedding space; vectors of two spaces never meet.
    pub space: String,
    /// SHA-256 of the model's file; empty for an imported descriptor.
    pub model: String,
    /// How good the picture is, 0..1.
    pub quality: f32,
    /// How far the face is turned, -1 (towards the picture's left) to 1; 0 is frontal.
    pub turn: f32,
    /// The vector: of length one in a space of cosines.
    pub vector: Vec<f32>,
}

/// A person's row: who they are, and their templates of each space, sealed each with who and which space.
#[derive(Serialize, Deserialize)]
struct Sealed {
    profile: Vec<u8>,
    spaces: BTreeMap<String, Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Profile {
    name: String,
    enrolled_us: i64,
    merged_into: String,
    stills: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct Templates {
    templates: Vec<Template>,
    negatives: Vec<Template>,
}

impl Person {
    /// The row's body, sealed with the person's key.
    pub(super) fn seal(&self, key: &Key) -> Result<Vec<u8>, keys::Error> {
        let profile = Profile {
            name: self.name.clone(),
            enrolled_us: self.enrolled_us,
            merged_into: self.merged_into.clone(),
            stills: self.stills,
        };
        let mut spaces: BTreeMap<&str, Templates> = BTreeMap::new();
        for template in &self.templates {
            spaces.entry(&template.space).or_default().templates.push(template.clone());
        }
        for negative in &self.negatives {
            spaces.entry(&negative.space).or_default().negatives.push(negative.clone());
        }
        let mut sealed = Sealed {
            profile: key.seal(&bytes(&profile), context(&self.id, "profile").as_bytes())?,
            spaces: BTreeMap::new(),
        };
        for (space, templates) in spaces {
            let mut clear = bytes(&templates);
            let closed = key.seal(&clear, context(&self.id, space).as_bytes());
            clear.zeroize();
            sealed.spaces.insert(space.to_owned(), closed?);
        }
        Ok(bytes(&sealed))
    }

    /// The person of a row. `None` when the row cannot be opened with this key.
    pub(super) fn unseal(id: &str, body: &[u8], key: &Key) -> Option<Self> {
        let sealed: Sealed = postcard::from_bytes(body).ok()?;
        let profile = key.unseal(&sealed.profile, context(id, "profile").as_bytes()).ok()?;
        let Profile { name, enrolled_us, merged_into, stills } = postcard::from_bytes(&profile).ok()?;
        let mut person =
            Self { id: id.to_owned(), name, enrolled_us, merged_into, stills, ..Self::default() };
        for (space, sealed) in sealed.spaces {
            let clear = key.unseal(&sealed, context(id, &space).as_bytes()).ok()?;
            let mut opened: Templates = postcard::from_bytes(&clear).ok()?;
            if opened.templates.iter().chain(&opened.negatives).any(|template| template.space != space) {
                return None;
            }
            person.templates.append(&mut opened.templates);
            person.negatives.append(&mut opened.negatives);
        }
        Some(person)
    }
}

/// How far a face is turned, -1 (its nose towards the picture's left) to 1; 0 is frontal. From where the nose is between the
/// eyes, along the line through them.
pub(crate) fn turn(landmarks: &[[f32; 2]; 5]) -> f32 {
    let [left, right, nose, ..] = landmarks;
    let (x, y) = (right[0] - left[0], right[1] - left[1]);
    let length = x * x + y * y;
    if length <= 0.0 {
        return 0.0;
    }
    let along = ((nose[0] - left[0]) * x + (nose[1] - left[1]) * y) / length;
    (2.0 * along - 1.0).clamp(-1.0, 1.0)
}

/// What is authenticated beside a sealed value, so that it cannot be moved to another person or space.
pub(crate) fn context(person: &str, part: &str) -> String {
    format!("person/{person}/{part}")
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a person has no type that postcard refuses")
}

impl fmt::Debug for Template {
    /// Biometric data never goes into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({}, {} values)", self.space, self.vector.len())
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        self.vector.zeroize();
    }
}
