//! The whole configuration: the sections of the runtime and of every stage, cameras, zones and rules.

use std::path::Path;

use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::{
    Tables,
    config::{
        self, Errors, entries,
        profile::{Capability, Profile},
    },
    infer, runner,
};
use serde::{Deserialize, Serialize};

/// Everything that can be set. `runtime/default.toml` documents every key.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What the deployment may do.
    pub(crate) profile: Profile,
    /// Where files are kept.
    pub(crate) data: config::Data,
    /// What carries messages.
    pub(crate) bus: config::Bus,
    /// What keeps facts.
    pub(crate) store: config::Store,
    /// The one port.
    pub(crate) listen: config::Listen,
    /// Secrets.
    pub(crate) keys: config::Keys,
    /// Logs, metrics, traces.
    pub(crate) telemetry: config::Telemetry,
    /// How stages are driven.
    pub(crate) runner: runner::Config,
    /// What runs models.
    pub(crate) infer: infer::Config,
    /// Cameras to frames.
    pub(crate) ingest: cortex_ingest::Config,
    /// Frames to detections.
    pub(crate) detector: cortex_detector::Config,
    /// Chips to identities.
    pub(crate) recognizer: cortex_recognizer::Config,
    /// Frames to cloaked pictures.
    pub(crate) cloaker: cortex_cloaker::Config,
    /// Anomalies to alerts.
    pub(crate) alerter: cortex_alerter::Config,
    /// Cameras of this file.
    #[serde(default)]
    pub(crate) cameras: Vec<entries::Camera>,
    /// Zones and lines of this file.
    #[serde(default)]
    pub(crate) zones: Vec<entries::Zone>,
    /// Rules of this file.
    #[serde(default)]
    pub(crate) rules: Vec<entries::Rule>,
}

impl Config {
    /// What is wrong with values of the right type, a sentence each.
    fn validate(&self) -> Vec<String> {
        let mut wrong = [
            self.bus.validate(),
            self.store.validate(),
            self.listen.validate(),
            self.telemetry.validate(),
            self.runner.validate(),
            self.infer.validate(),
            self.ingest.validate(),
            self.detector.validate(),
            self.recognizer.validate(),
            self.cloaker.validate(),
            self.alerter.validate(),
        ]
        .concat();
        if self.recognizer.enabled {
            wrong.extend(self.profile.refusal(Capability::Recognition, "recognizer.enabled"));
        }
        wrong.extend(self.entries_wrong());
        wrong
    }
}

impl Config {
    /// What is wrong with cameras, zones and rules. Rules of cameras that come through the API are checked there.
    fn entries_wrong(&self) -> Vec<String> {
        let entries = match entries::resolve(&self.cameras, &self.zones, &self.rules, &[]) {
            Ok(entries) => entries,
            Err(wrong) => return wrong,
        };
        let mut tables = Tables::default();
        for zone in entries.zones {
            tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
        }
        for rule in &entries.rules {
            tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule.clone())) });
        }
        let check = |(n, rule): (usize, &v1::Rule)| {
            let error = cortex_detector::rules::validate(rule, &tables).err()?;
            let (field, why) = error.split_once(": ").unwrap_or(("kind", &error));
            Some(format!("`rules[{n}].{field}` {why}"))
        };
        let ground = |(n, camera): (usize, &v1::Camera)| {
            let why = cortex_detector::rules::calibrates(camera.ground.as_ref()?).err()?;
            Some(format!("`cameras[{n}].ground` cannot be used: {why}"))
        };
        let rules = entries.rules.iter().enumerate().filter_map(check);
        entries.cameras.iter().enumerate().filter_map(ground).chain(rules).collect()
    }
}

/// The configuration of a file, or the defaults, with the environment over it.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Errors> {
    config::load(config::DEFAULTS, file, config::environment(), Config::validate)
}

/// The configuration of a file.
pub(crate) fn load_at(file: &Path) -> Result<Config, Errors> {
    load(Some(file))
}

/// The configuration of the demonstration: its zones and rules, with the environment over it.
pub(crate) fn load_demo() -> Result<Config, Errors> {
    let text = include_str!("../../demo/demo.toml");
    config::load_text(config::DEFAULTS, "demo.toml", text, config::environment(), Config::validate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_stages_own() {
        let config: Config = config::load(config::DEFAULTS, None, [], Config::validate).unwrap();
        assert_eq!(config.ingest, cortex_ingest::Config::default());
        assert_eq!(config.detector, cortex_detector::Config::default());
        assert_eq!(config.recognizer, cortex_recognizer::Config::default());
        assert_eq!(config.cloaker, cortex_cloaker::Config::default());
        assert_eq!(config.alerter, cortex_alerter::Config::default());
        assert_eq!(config.runner, runner::Config::default());
        assert_eq!(config.infer, infer::Config::default());
    }

    #[test]
    fn the_worked_examples_are_right() {
        for name in ["perimeter-at-night", "platform-edge", "school-gate", "shop-exit", "parking"] {
            let file = Path::new("../docs/examples").join(format!("{name}.toml"));
            let config = load(Some(&file)).unwrap_or_else(|errors| panic!("{errors}"));
            assert!(config.rules.len() >= 3, "{name}");
        }
    }

    #[test]
    fn a_part_that_is_no_rule_is_found_with_its_line() {
        let text = "[[rules]]\nid = 'gathers'\nkind = 'crowd'\ncount = 4\n\n\
            [[rules]]\nid = 'both'\nkind = 'all'\nof = ['gathers', 'gather']\n";
        let errors =
            config::load_text::<Config>(config::DEFAULTS, "x.toml", text, [], Config::validate).unwrap_err();
        let errors = errors.to_string();
        assert!(errors.contains("x.toml:9:") && errors.contains("did you mean `gathers`?"), "{errors}");
    }

    #[test]
    fn a_misspelt_parameter_of_a_rule_is_found_with_its_line() {
        let text = "[[rules]]\nid = 'many'\nkind = 'crowd'\ncount = 4\nsecnods = 3\n";
        let errors =
            config::load_text::<Config>(config::DEFAULTS, "x.toml", text, [], Config::validate).unwrap_err();
        assert!(errors.to_string().contains("secnods"), "{errors}");
    }
}
