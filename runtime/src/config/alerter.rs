use serde::{Deserialize, Serialize};

/// Section `[alerter]`: how anomalies become alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerter {
    /// Anomalies of one track, one place or one person that follow each other within so many seconds are one incident.
    pub group_s: f32,
    /// An incident that grows is told again at most this often, in seconds; a higher severity is told at once.
    pub cooldown_s: f32,
    /// An incident without anything new for so many seconds is closed.
    pub close_after_s: f32,
    /// A rule that a camera raises more than so many times within `flapping_s` flaps: that is said once, then it is told
    /// after twice the cool-down, and after twice as long each time, until it rests for `flapping_s`.
    pub flapping_count: u32,
    /// Seconds, see `flapping_count`.
    pub flapping_s: f32,
}

impl Default for Alerter {
    fn default() -> Self {
        Self { group_s: 30.0, cooldown_s: 10.0, close_after_s: 60.0, flapping_count: 6, flapping_s: 300.0 }
    }
}

impl Alerter {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.group_s < 0.0 || self.cooldown_s < 0.0 || self.close_after_s < 1.0 {
            wrong.push("`alerter.group_s` and `alerter.cooldown_s` must not be negative, `alerter.close_after_s` at least 1 second".to_owned());
        }
        if self.flapping_count < 1 || self.flapping_s < 1.0 {
            wrong.push(
                "`alerter.flapping_count` must be at least 1, `alerter.flapping_s` at least 1 second"
                    .to_owned(),
            );
        }
        wrong
    }
}
