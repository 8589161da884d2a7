use serde::{Deserialize, Serialize};

/// Section `[recognizer]`: how people are recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recognizer {
    /// Recognition is on. The deployment profile must allow it.
    pub enabled: bool,
    /// Views that a decision needs.
    pub shots: usize,
    /// Narrower faces are too poor to tell, in pixels.
    pub min_width: f32,
    /// The face of every picture that is enrolled is kept, sealed with the person's key: to be shown to those who must
    /// confirm a match, and to be embedded anew when the model changes.
    pub keep_stills: bool,
    /// So many hours after it was found, a match may be revealed to those who must confirm it.
    pub reveal_hours: f32,
    /// People on no list are told apart for so many minutes after they were last seen, in memory alone; 0 for not at all.
    /// The deployment profile must allow it.
    pub strangers_minutes: f32,
}

impl Default for Recognizer {
    fn default() -> Self {
        Self {
            enabled: false,
            shots: 2,
            min_width: 30.0,
            keep_stills: false,
            reveal_hours: 72.0,
            strangers_minutes: 0.0,
        }
    }
}

impl Recognizer {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(0.0..=720.0).contains(&self.reveal_hours) {
            wrong.push("`recognizer.reveal_hours` must be 0 to 720".to_owned());
        }
        if !(0.0..=1440.0).contains(&self.strangers_minutes) {
            wrong.push("`recognizer.strangers_minutes` must be 0 to 1440".to_owned());
        }
        if !(1..=16).contains(&self.shots) || self.min_width < 10.0 {
            wrong.push(
                "`recognizer.shots` must be 1 to 16 and `recognizer.min_width` at least 10 pixels".to_owned(),
            );
        }
        wrong
    }
}
