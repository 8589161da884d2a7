//! The whole configuration: the sections of the runtime and of every stage, cameras, zones and rules.

use std::path::Path;

use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::{
    Tables,
    config::{
        self, Errors, entries,
        profile::{Capability, Profile},
    },
    runner,
};
use serde::{Deserialize, Serialize};

/// Everything that can be set. `runtime/default.toml` documents every key.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the deployment may do.
    pub profile: Profile,
    /// Where files are kept.
    pub data: config::Data,
    /// What carries messages.
    pub bus: config::Bus,
    /// What keeps facts.
    pub store: config::Store,
    /// The one port.
    pub listen: config::Listen,
    /// Where other stages are.
    pub stages: config::Stages,
    /// Secrets.
    pub keys: config::Keys,
    /// Logs, metrics, traces.
    pub telemetry: config::Telemetry,
    /// How stages are driven.
    pub runner: runner::Config,
    /// What runs models.
    pub infer: config::Infer,
    /// Cameras to frames.
    pub ingest: config::Ingest,
    /// Frames to detections.
    pub detector: config::Detector,
    /// Chips to identities.
    pub recognizer: config::Recognizer,
    /// Frames to cloaked pictures.
    pub cloaker: config::Cloaker,
    /// Anomalies to alerts.
    pub alerter: config::Alerter,
    /// Cameras of this file.
    #[serde(default)]
    pub cameras: Vec<entries::Camera>,
    /// Zones and lines of this file.
    #[serde(default)]
    pub zones: Vec<entries::Zone>,
    /// Rules of this file.
    #[serde(default)]
    pub rules: Vec<entries::Rule>,
}

impl Config {
    /// What is wrong with values of the right type, a sentence each.
    fn validate(&self) -> Vec<String> {
        let mut wrong = [
            self.bus.validate(),
            self.store.validate(),
            self.listen.validate(),
            self.stages.validate(),
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
        if self.recognizer.strangers_minutes > 0.0 {
            wrong.extend(self.profile.refusal(Capability::UnknownClusters, "recognizer.strangers_minutes"));
        }
        if self.detector.analytics && self.bus.kafka().is_none() {
            wrong.push(
                "`detector.analytics` has no reader on a bus of one process: set `bus.url` to kafka://, or use `cortex export`"
                    .to_owned(),
            );
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
        let policy = config::Policy::new(&self.ingest);
        let addresses = entries.cameras.iter().enumerate().filter_map(|(n, camera)| {
            let error = policy.check(&camera.url, camera.origin()).err()?;
            Some(format!("`cameras[{n}].url` {}", error.to_string().trim_start_matches("address: ")))
        });
        let mut wrong: Vec<String> = addresses.collect();
        let mut tables = Tables::default();
        for zone in entries.zones {
            tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
        }
        for rule in &entries.rules {
            tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule.clone())) });
        }
        let check = |(n, rule): (usize, &v1::Rule)| {
            let error = cortex_rules::validate(rule, &tables).err()?;
            let (field, why) = error.split_once(": ").unwrap_or(("kind", &error));
            Some(format!("`rules[{n}].{field}` {why}"))
        };
        let ground = |(n, camera): (usize, &v1::Camera)| {
            let why = cortex_rules::calibrates(camera.ground.as_ref()?).err()?;
            Some(format!("`cameras[{n}].ground` cannot be used: {why}"))
        };
        wrong.extend(entries.cameras.iter().enumerate().filter_map(ground));
        wrong.extend(entries.rules.iter().enumerate().filter_map(check));
        wrong
    }

    /// Cameras, zones and rules of the file; `also` are cameras besides.
    ///
    /// # Errors
    /// They do not fit together.
    pub fn entries(&self, also: &[&str]) -> anyhow::Result<entries::Entries> {
        entries::resolve(&self.cameras, &self.zones, &self.rules, also)
            .map_err(|wrong| anyhow::Error::msg(wrong.join("; ")))
    }

    /// The sections that differ from `other` and are read at the start only: everything but cameras, zones and rules.
    pub fn needs_restart(&self, other: &Self) -> Vec<String> {
        let sections = |config: &Self| serde_json::to_value(config).unwrap_or_default();
        let (ours, theirs) = (sections(self), sections(other));
        let names = ours.as_object().into_iter().flat_map(|all| all.keys());
        names
            .filter(|name| {
                !["cameras", "zones", "rules"].contains(&name.as_str()) && ours[*name] != theirs[*name]
            })
            .cloned()
            .collect()
    }
}

/// The configuration of a file, or the defaults, with the environment over it.
///
/// # Errors
/// Everything that is wrong.
pub fn load(file: Option<&Path>) -> Result<Config, Errors> {
    config::load(config::DEFAULTS, file, config::environment(), Config::validate)
}

/// The configuration of a file that is called `name`, with its text at hand and the environment over it.
///
/// # Errors
/// Everything that is wrong.
pub fn load_text(name: &str, text: &str) -> Result<Config, Errors> {
    config::load_text(config::DEFAULTS, name, text, config::environment(), Config::validate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_stages_own() {
        let config: Config = config::load(config::DEFAULTS, None, [], Config::validate).unwrap();
        assert_eq!(config.ingest, config::Ingest::default());
        assert_eq!(config.detector, config::Detector::default());
        assert_eq!(config.recognizer, config::Recognizer::default());
        assert_eq!(config.cloaker, config::Cloaker::default());
        assert_eq!(config.alerter, config::Alerter::default());
        assert_eq!(config.runner, runner::Config::default());
        assert_eq!(config.infer, config::Infer::default());
    }

    #[test]
    fn analytics_are_published_where_somebody_can_read_them() {
        let load = |bus: &str| {
            let text = format!("[bus]\nurl = '{bus}'\n[detector]\nanalytics = true\n");
            config::load_text::<Config>(config::DEFAULTS, "x.toml", &text, [], Config::validate)
        };
        assert!(load("kafka://host:9092").is_ok());
        let errors = load("embedded://").unwrap_err().to_string();
        assert!(errors.contains("x.toml:4:13: `detector.analytics` has no reader"), "{errors}");
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
    fn what_is_taken_over_while_running_and_what_needs_a_restart() {
        let load = |text: &str| {
            config::load_text::<Config>(config::DEFAULTS, "x.toml", text, [], Config::validate).unwrap()
        };
        let camera = "[[cameras]]\nid = 'a'\nurl = 'test://pattern'\n";
        assert!(load("").needs_restart(&load(camera)).is_empty());
        let changed = load(&format!("[ingest]\nrate = 4.0\n[alerter]\ngroup_s = 1.0\n{camera}"));
        assert_eq!(load("").needs_restart(&changed), ["alerter", "ingest"]);
    }

    /// What the start would refuse is found by `cortex check`, with its line.
    #[test]
    fn an_entry_that_the_start_would_refuse_is_found_with_its_line() {
        let points: Vec<String> = (0..65).map(|n| format!("[{}, 0.5]", n as f32 / 64.0)).collect();
        for (text, said) in [
            (
                "[[cameras]]\nid = 'a'\nurl = 'gopher://host/a'\n".to_owned(),
                "x.toml:3:7: `cameras[0].url` scheme `gopher` is not allowed",
            ),
            (
                "[[cameras]]\nid = 'a'\nurl = 'rtsp://169.254.169.254/a'\n".to_owned(),
                "x.toml:3:7: `cameras[0].url` 169.254.169.254 is in one of `ingest.forbidden_networks`",
            ),
            (
                "[[cameras]]\nid = 'a'\nurl = 'test://pattern'\nsite = 'a b'\n".to_owned(),
                "x.toml:4:8: `cameras[0].site` must be 1 to 64 letters",
            ),
            (
                format!("[[zones]]\nid = 'z'\ncamera = 'a'\npoints = [{}]\n", points.join(", ")),
                "x.toml:4:10: `zones[0].points` must be 3 to 64 different points",
            ),
            (
                "[[zones]]\nid = 'z'\ncamera = 'a'\npoints = [[0, 0], [1, 1], [0, 0]]\n".to_owned(),
                "x.toml:4:10: `zones[0].points` must be 3 to 64 different points",
            ),
        ] {
            let errors = config::load_text::<Config>(config::DEFAULTS, "x.toml", &text, [], Config::validate);
            let errors = errors.unwrap_err().to_string();
            assert!(errors.contains(said), "{said}\nis not in\n{errors}");
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
