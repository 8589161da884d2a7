use serde::{Deserialize, Serialize};

/// Section `[detector]`: how pictures are analysed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detector {
    /// Width and height of the object detector's input in pixels, multiples of 32.
    pub object_size: (usize, usize),
    /// Lowest score that is listed, 0..1. Tracks feed on low scores too.
    pub score_floor: f32,
    /// Score from which a detection may begin a track, 0..1.
    pub activation: f32,
    /// Longer side of the face detector's input in pixels; 0 looks for no faces, so all heads are redacted.
    pub face_long_side: usize,
    /// Lowest score of a face, 0..1. Low, because an unseen face is worse than a redacted tree.
    pub face_score: f32,
    /// Where a rule asks how bodies are held, joints are looked for in every n-th analysed picture; 1 for each.
    pub pose_every: u32,
    /// How long a track is kept that is not seen, in seconds.
    pub hidden_s: f32,
    /// Publish what is seen as columns for readers outside, about once a second and partition.
    pub analytics: bool,
    /// Cut chips for the recognizer. Set from `recognizer.enabled`.
    #[serde(skip)]
    pub chips: bool,
}

/// Highest `score_floor`: that up to which the cloaker may pass over a person.
const SCORE_FLOOR: f32 = 0.2;
/// Highest `face_score`: half of a sure face.
const FACE_SCORE: f32 = 0.5;

impl Default for Detector {
    fn default() -> Self {
        Self {
            object_size: (640, 384),
            score_floor: 0.1,
            activation: 0.6,
            face_long_side: 640,
            face_score: 0.35,
            pose_every: 2,
            hidden_s: 3.0,
            analytics: false,
            chips: false,
        }
    }
}

impl Detector {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (width, height) = self.object_size;
        if width % 32 != 0
            || height % 32 != 0
            || !(32..=2048).contains(&width)
            || !(32..=2048).contains(&height)
        {
            wrong.push("`detector.object_size` must be two multiples of 32 between 32 and 2048".to_owned());
        }
        // Redaction covers what is listed: a higher score would show the people and faces below it.
        for (name, value, most) in
            [("score_floor", self.score_floor, SCORE_FLOOR), ("face_score", self.face_score, FACE_SCORE)]
        {
            if !(0.0..=most).contains(&value) {
                wrong.push(format!(
                    "`detector.{name}` must be 0 to {most}: nobody below it would be redacted"
                ));
            }
        }
        if !(0.0..1.0).contains(&self.activation) {
            wrong.push("`detector.activation` must be at least 0 and below 1".to_owned());
        }
        if !(1..=100).contains(&self.pose_every) {
            wrong.push("`detector.pose_every` must be 1 to 100".to_owned());
        }
        if !(0.0..=30.0).contains(&self.hidden_s) {
            wrong.push("`detector.hidden_s` must be 0 to 30 seconds".to_owned());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_score_switches_redaction_off() {
        assert!(Detector::default().validate().is_empty());
        for config in [
            Detector { score_floor: 0.3, ..Detector::default() },
            Detector { face_score: 0.9, ..Detector::default() },
            Detector { score_floor: f32::NAN, ..Detector::default() },
        ] {
            let wrong = config.validate();
            assert!(wrong.len() == 1 && wrong[0].contains("redacted"), "{wrong:?}");
        }
    }
}
