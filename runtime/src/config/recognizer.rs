use serde::{Deserialize, Serialize};

/// Section `[recognizer]`: how people are recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recognizer {
    /// Recognition is on. The deployment profile must allow it.
    pub enabled: bool,
    /// Lowest cosine similarity of a match. 0.945 is the open-set threshold of the shipped model: a false match in a
    /// hundred unknown people (80 enrolled, LFW); a 1:1 threshold would be far too low.
    pub threshold: f32,
    /// Views that a decision needs.
    pub shots: usize,
    /// Narrower faces are too poor to tell, in pixels.
    pub min_width: f32,
}

impl Default for Recognizer {
    fn default() -> Self {
        Self { enabled: false, threshold: 0.945, shots: 2, min_width: 30.0 }
    }
}

impl Recognizer {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(0.0..=1.0).contains(&self.threshold) {
            wrong.push("`recognizer.threshold` must be 0 to 1".to_owned());
        }
        if !(1..=16).contains(&self.shots) || self.min_width < 10.0 {
            wrong.push(
                "`recognizer.shots` must be 1 to 16 and `recognizer.min_width` at least 10 pixels".to_owned(),
            );
        }
        wrong
    }
}
