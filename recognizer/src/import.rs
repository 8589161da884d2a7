//! Descriptors of a system that used face-api.js, as it writes them.
//!
//! They are vectors of the same network as [`crate::Model`]'s of space `dlib-resnet-128`, but of another crop, of no
//! mirrored pass, and of their raw length (about 1.4). So they are a space of their own, [`FACEAPI_128`], with a measure and a
//! card of its own: a similarity is one less their euclidean distance, which for the older system was one person below 0.6. A
//! probe of that space is the network's output
//! for the chip as it is: neither added to its mirror image's nor brought to length one. Cosines, the thresholds of
//! `dlib-resnet-128` and its card say nothing there, and how much the other crop costs was not measured: enrol from
//! stills where there are any.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The space of imported descriptors.
pub const FACEAPI_128: &str = "faceapi-128";

/// Numbers of a descriptor.
const NUMBERS: usize = 128;
/// Descriptors of a person, as many as pictures are enrolled of one.
const DESCRIPTORS: usize = 16;
const PEOPLE: usize = 10_000;
const LABEL: usize = 100;

/// Somebody of the older system.
#[derive(Clone, PartialEq)]
pub struct Imported {
    /// What people call them, 1 to 100 characters, once in a file.
    pub label: String,
    /// 1 to 16 raw vectors of 128 finite numbers.
    pub descriptors: Vec<Vec<f32>>,
}

/// Why a file is not taken. Nobody's name and no number of a descriptor is in it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not JSON, or not of this form.
    #[error(
        "read descriptors: {0}; `{{\"label\": \"...\", \"descriptors\": [[128 numbers], ...]}}` or an array of these is understood"
    )]
    Form(#[from] serde_json::Error),
    /// More people than are taken, or none.
    #[error("read descriptors: {0} people, 1 to {PEOPLE} are taken")]
    People(usize),
    /// A person who is not taken.
    #[error("read descriptors: person {person} of the file: {why}")]
    Person {
        /// Place in the file, from 1.
        person: usize,
        /// Why not.
        why: String,
    },
}

/// Reads a file: one person, an array of them, or what holds several of them (`FaceMatcher`).
///
/// # Errors
/// It is none of these; a person has no label, the label of another or a wrong number of descriptors; a descriptor has
/// not 128 finite numbers. Nobody is taken then.
pub fn descriptors(file: &[u8]) -> Result<Vec<Imported>, ImportError> {
    let people = match file.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(file)?,
        _ => match serde_json::from_slice(file)? {
            Written { matcher: Some(people), .. } => people,
            Written { label: Some(label), descriptors: Some(descriptors), .. } => {
                vec![Labelled { label, descriptors }]
            }
            _ => {
                return Err(ImportError::Form(serde::de::Error::custom("no `label` or no `descriptors`")));
            }
        },
    };
    if people.is_empty() || people.len() > PEOPLE {
        return Err(ImportError::People(people.len()));
    }
    let mut labels = BTreeMap::new();
    let take = |(place, person): (usize, Labelled)| {
        let refused = |why: String| ImportError::Person { person: place + 1, why };
        let label = person.label.trim().to_owned();
        if label.is_empty() || label.chars().count() > LABEL {
            return Err(refused(format!("its label has not 1 to {LABEL} characters")));
        }
        if let Some(before) = labels.insert(label.clone(), place) {
            return Err(refused(format!(
                "it has the label of person {}: join their descriptors",
                before + 1
            )));
        }
        if person.descriptors.is_empty() || person.descriptors.len() > DESCRIPTORS {
            return Err(refused(format!(
                "it has {} descriptors, 1 to {DESCRIPTORS} are taken",
                person.descriptors.len()
            )));
        }
        for (index, descriptor) in person.descriptors.iter().enumerate() {
            if descriptor.len() != NUMBERS {
                return Err(refused(format!(
                    "descriptor {} has {} numbers, {NUMBERS} are needed",
                    index + 1,
                    descriptor.len()
                )));
            }
            if let Some(number) = descriptor.iter().position(|number| !number.is_finite()) {
                return Err(refused(format!(
                    "number {} of descriptor {} is not finite",
                    number + 1,
                    index + 1
                )));
            }
        }
        Ok(Imported { label, descriptors: person.descriptors })
    };
    people.into_iter().enumerate().map(take).collect()
}

#[derive(Deserialize)]
struct Labelled {
    label: String,
    descriptors: Vec<Vec<f32>>,
}

/// One person, or a `FaceMatcher` with several.
#[derive(Deserialize)]
struct Written {
    label: Option<String>,
    descriptors: Option<Vec<Vec<f32>>>,
    #[serde(rename = "labeledDescriptors")]
    matcher: Option<Vec<Labelled>>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn person(label: &str, descriptors: usize, numbers: usize) -> Value {
        let descriptor: Vec<f32> = (0..numbers).map(|number| number as f32 / 64.0 - 0.5).collect();
        json!({ "label": label, "descriptors": vec![descriptor; descriptors] })
    }

    fn read(value: &Value) -> Result<Vec<Imported>, String> {
        descriptors(value.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_person_several_and_a_matcher_are_read_as_they_are() {
        let [one] = read(&person(" Ada ", 2, 128)).unwrap().try_into().ok().unwrap();
        assert_eq!((one.label.as_str(), one.descriptors.len()), ("Ada", 2));
        // Not of length one: the space is of raw vectors.
        assert_eq!((one.descriptors[0][0], one.descriptors[1][127]), (-0.5, 1.484_375));
        let several = json!([person("Ada", 1, 128), person("Bob", 16, 128)]);
        let matcher = json!({ "distanceThreshold": 0.6, "labeledDescriptors": several });
        for written in [several, matcher] {
            let labels: Vec<String> =
                read(&written).unwrap().into_iter().map(|imported| imported.label).collect();
            assert_eq!(labels, ["Ada", "Bob"]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_a_name() {
        let second = |person: Value| read(&json!([self::person("Ada", 1, 128), person])).err().unwrap();
        for (wrong, words) in [
            (person("Zoe", 1, 127), "person 2 of the file: descriptor 1 has 127 numbers"),
            (person("Zoe", 17, 128), "17 descriptors"),
            (person("Zoe", 0, 128), "0 descriptors"),
            (person("", 1, 128), "1 to 100 characters"),
            (person(&"Zoe".repeat(34), 1, 128), "1 to 100 characters"),
            (person("Ada", 1, 128), "the label of person 1"),
            (
                json!({ "label": "Zoe", "descriptors": [vec![1e300; 128]] }),
                "number 1 of descriptor 1 is not finite",
            ),
            (json!({ "label": "Zoe" }), "`descriptors`"),
        ] {
            let error = second(wrong);
            assert!(error.contains(words) && !error.contains("Zoe") && !error.contains("Ada"), "{error}");
        }
        assert!(read(&json!([])).err().unwrap().contains("0 people"));
        assert!(read(&json!({})).err().unwrap().contains("`label`"));
        let error =
            descriptors(b"[{\"label\": \"Ada\",\n \"descriptors\": [[0.1, x").err().unwrap().to_string();
        assert!(error.contains("line 2 column"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(descriptors(&bytes));
        }

        #[test]
        fn any_descriptors_are_read_or_refused(
            label in ".{0,120}",
            rows in (127..130_usize).prop_flat_map(|numbers| {
                proptest::collection::vec(proptest::collection::vec(-1e39..1e39, numbers), 0..18)
            }),
        ) {
            let fit = (1..=16).contains(&rows.len())
                && rows.iter().flatten().all(|number| (*number as f32).is_finite())
                && rows.iter().all(|row| row.len() == 128)
                && (1..=100).contains(&label.trim().chars().count());
            prop_assert_eq!(read(&json!({ "label": label, "descriptors": rows })).is_ok(), fit);
        }
    }
}
