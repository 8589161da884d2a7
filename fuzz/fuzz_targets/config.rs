//! A configuration file with its cameras, zones, rules and their schedules: any text is a configuration or a list of
//! what is wrong with it.
#![no_main]

use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::{
    Tables,
    config::{
        self,
        entries::{self, Camera, Rule, Zone},
    },
    runner,
};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

/// The parts that every stage's section is like, and what people draw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    infer: config::Infer,
    #[serde(default)]
    runner: runner::Config,
    #[serde(default)]
    cameras: Vec<Camera>,
    #[serde(default)]
    zones: Vec<Zone>,
    #[serde(default)]
    rules: Vec<Rule>,
}

fuzz_target!(|text: &str| {
    let validate = |config: &Config| {
        let mut wrong = config.infer.validate();
        wrong.extend(config.runner.validate());
        match entries::resolve(&config.cameras, &config.zones, &config.rules, &[]) {
            Ok(entries) => {
                let mut tables = Tables::default();
                for zone in entries.zones {
                    tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
                }
                let refused =
                    entries.rules.iter().map(|rule| cortex_rules::validate(rule, &tables));
                wrong.extend(refused.filter_map(Result::err));
            }
            Err(why) => wrong.extend(why),
        }
        wrong
    };
    if let Err(errors) =
        config::load_text::<Config>("[infer]\nthreads = 1\n", "fuzz.toml", text, [], validate)
    {
        assert!(!errors.to_string().is_empty(), "an error says what is wrong");
    }
});
