use serde::{Deserialize, Serialize};

/// Section `[cloaker]`: how pictures are redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cloaker {
    /// `cells` or `solid`.
    pub style: Style,
    /// A region stays redacted this long after it was last seen, in seconds of stream time.
    pub hold_s: f32,
    /// Persons from this score on have their head redacted, 0..0.2; in stills too.
    pub person_score: f32,
    /// Width of the pictures of the live view and of clips, in pixels.
    pub live_width: usize,
    /// Live pictures a second at most.
    pub live_rate: f32,
    /// JPEG quality of live pictures, clips and stills, 1..100.
    pub quality: u8,
    /// So much before an alert is kept as its clip, in seconds of stream time; off when this and `clip_after_s` are 0.
    pub clip_before_s: f32,
    /// So much after an alert is kept as its clip, in seconds of stream time.
    pub clip_after_s: f32,
    /// Bytes of cloaked pictures that wait for an alert on one camera, in MiB.
    pub clip_mib: usize,
    /// Bytes of pictures held for one camera until the detector answers, in MiB.
    pub held_mib: usize,
    /// A picture is held this long until the detector answers, in seconds of stream time. Twice the detector's
    /// deadline: after two seconds without a result a redacted picture says so.
    pub held_s: f32,
}

/// Highest score below which a person may be passed over. Above it people are missed that anybody would see; the
/// detector must not list less.
const PERSON_SCORE: f32 = 0.2;

/// The longest clip before or after an alert, in seconds: more would be a recording of everybody who passes.
const CLIP_S: f32 = 60.0;
const CLIP_MIB: usize = 1024;

/// What is put over a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// At most six cells across.
    Cells,
    /// Grey.
    Solid,
}

impl Default for Cloaker {
    fn default() -> Self {
        Self {
            style: Style::Cells,
            hold_s: 3.0,
            person_score: 0.15,
            live_width: 768,
            live_rate: 10.0,
            quality: 80,
            clip_before_s: 10.0,
            clip_after_s: 10.0,
            clip_mib: 8,
            held_mib: 64,
            held_s: 4.0,
        }
    }
}

impl Cloaker {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(3.0..=30.0).contains(&self.hold_s) {
            wrong.push(
                "`cloaker.hold_s` must be 3 to 30 seconds: shorter would show who is missed for a moment"
                    .to_owned(),
            );
        }
        if !(0.0..=PERSON_SCORE).contains(&self.person_score) {
            wrong.push(format!(
                "`cloaker.person_score` must be 0 to {PERSON_SCORE}: above that heads of people stay visible"
            ));
        }
        if !(2.0..=60.0).contains(&self.held_s) {
            wrong.push(
                "`cloaker.held_s` must be 2 to 60 seconds: the detector needs time, and clear pictures are not kept"
                    .to_owned(),
            );
        }
        if !(64..=4096).contains(&self.live_width) || !(0.1..=60.0).contains(&self.live_rate) {
            wrong
                .push("`cloaker.live_width` must be 64 to 4096 and `cloaker.live_rate` 0.1 to 60".to_owned());
        }
        for (key, value) in [("clip_before_s", self.clip_before_s), ("clip_after_s", self.clip_after_s)] {
            if !(0.0..=CLIP_S).contains(&value) {
                wrong.push(format!("`cloaker.{key}` must be 0 to {CLIP_S} seconds"));
            }
        }
        if !(1..=CLIP_MIB).contains(&self.clip_mib) {
            wrong.push(format!(
                "`cloaker.clip_mib` must be 1 to {CLIP_MIB}: it is held for each camera on which something is tracked"
            ));
        }
        if !(1..=100).contains(&self.quality) || self.held_mib == 0 {
            wrong.push("`cloaker.quality` must be 1 to 100 and `cloaker.held_mib` at least 1".to_owned());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_switches_redaction_off_or_lets_memory_grow() {
        assert!(Cloaker::default().validate().is_empty());
        for config in [
            Cloaker { person_score: 0.3, ..Cloaker::default() },
            Cloaker { hold_s: 1.0, ..Cloaker::default() },
            Cloaker { held_s: f32::INFINITY, ..Cloaker::default() },
            Cloaker { clip_before_s: f32::NAN, ..Cloaker::default() },
            Cloaker { clip_mib: 0, ..Cloaker::default() },
        ] {
            assert_eq!(config.validate().len(), 1, "{config:?}");
        }
    }
}
