use serde::{Deserialize, Serialize};

/// How pictures are redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `cells` or `solid`.
    pub style: Style,
    /// A region stays redacted this long after it was last seen, in seconds of stream time.
    pub hold_s: f32,
    /// Persons from this score on have their head redacted, 0..1.
    pub person_score: f32,
    /// Width of the live picture, in pixels.
    pub live_width: usize,
    /// Live pictures a second at most.
    pub live_rate: f32,
    /// JPEG quality of live pictures and stills, 1..100.
    pub quality: u8,
    /// Bytes of pictures held for one camera until the detector answers, in MiB.
    pub held_mib: usize,
}

/// What is put over a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// At most six cells across.
    Cells,
    /// Grey.
    Solid,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            style: Style::Cells,
            hold_s: 3.0,
            person_score: 0.2,
            live_width: 768,
            live_rate: 10.0,
            quality: 80,
            held_mib: 64,
        }
    }
}

impl Config {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(3.0..=30.0).contains(&self.hold_s) {
            wrong.push(
                "`cloaker.hold_s` must be 3 to 30 seconds: shorter would show who is missed for a moment"
                    .to_owned(),
            );
        }
        if !(0.0..=0.5).contains(&self.person_score) {
            wrong.push("`cloaker.person_score` must be 0 to 0.5: above that people are missed".to_owned());
        }
        if !(64..=4096).contains(&self.live_width) || !(0.1..=60.0).contains(&self.live_rate) {
            wrong
                .push("`cloaker.live_width` must be 64 to 4096 and `cloaker.live_rate` 0.1 to 60".to_owned());
        }
        if !(1..=100).contains(&self.quality) || self.held_mib == 0 {
            wrong.push("`cloaker.quality` must be 1 to 100 and `cloaker.held_mib` at least 1".to_owned());
        }
        wrong
    }
}
