//! A configuration is right, or everything that is wrong with it is said at once, with its place.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::path::PathBuf;

use cortex_proto::v1;
use cortex_runtime::{
    config::{
        self, Bus, Data, Errors, Infer, Keys, Listen, Stages, Store, Telemetry, entries,
        profile::{Capability, Profile},
    },
    runner,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A process's configuration, as the binary composes it; stages' sections stand for any other.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    cameras: Vec<entries::Camera>,
    zones: Vec<entries::Zone>,
    rules: Vec<entries::Rule>,
    profile: Profile,
    data: Data,
    listen: Listen,
    stages: Stages,
    bus: Bus,
    store: Store,
    keys: Keys,
    telemetry: Telemetry,
    runner: runner::Config,
    infer: Infer,
    recognizer: Recognizer,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Recognizer {
    enabled: bool,
}

/// The shipped defaults of the sections that this crate knows, and one of a stage.
fn defaults() -> String {
    let end = config::DEFAULTS.find("[ingest]").unwrap();
    format!("{}\n[recognizer]\nenabled = false\n", &config::DEFAULTS[..end])
}

fn validate(config: &Config) -> Vec<String> {
    let mut wrong = [
        config.bus.validate(),
        config.store.validate(),
        config.listen.validate(),
        config.telemetry.validate(),
    ]
    .concat();
    wrong.extend([config.runner.validate(), config.infer.validate()].concat());
    if config.recognizer.enabled {
        wrong.extend(config.profile.refusal(Capability::Recognition, "recognizer.enabled"));
    }
    wrong.extend(
        entries::resolve(&config.cameras, &config.zones, &config.rules, &[]).err().into_iter().flatten(),
    );
    wrong
}

fn load(text: &str) -> Result<Config, Errors> {
    config::load_text(&defaults(), "cortex.toml", text, [], validate)
}

/// What is wrong, a line each.
fn wrong(text: &str) -> Vec<String> {
    load(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_reference_says_the_defaults_of_the_code() {
    let config = load("").unwrap();
    assert_eq!(serde_json::to_value(&config).unwrap(), serde_json::to_value(Config::default()).unwrap());
}

#[test]
fn every_key_of_the_reference_has_a_comment() {
    let mut explained = false;
    for line in config::DEFAULTS.lines() {
        match line.split_once(" = ") {
            Some((key, _)) if !line.starts_with('#') => assert!(explained, "`{key}` is not explained"),
            _ => {
                explained = line.starts_with('#') || (explained && !line.is_empty() && !line.starts_with('['))
            }
        }
    }
}

#[test]
fn file_wins_over_defaults_and_environment_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cortex.toml");
    std::fs::write(&path, "[store]\nbudget_gib = 20\nstills_days = 3\n[telemetry]\nlog = \"warn\"").unwrap();
    let environment = [
        ("CORTEX__STORE__BUDGET_GIB", "50.5"),
        ("CORTEX__TELEMETRY__FORMAT", "json"),
        ("CORTEX__DATA__DIR", "1234"),
        ("CORTEX__INFER__PROVIDERS", "[\"cpu\"]"),
        ("CORTEX_HOME", "/elsewhere"),
        ("PATH", "/bin"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config: Config = config::load(&defaults(), Some(&path), environment, validate).unwrap();
    assert_eq!(
        (config.store.budget_gib, config.store.stills_days, config.store.events_days),
        (50.5, 3.0, 90.0)
    );
    assert_eq!((config.telemetry.log.as_str(), config.telemetry.format), ("warn", config::Format::Json));
    assert_eq!(config.data.dir, PathBuf::from("1234"), "a string needs no quotes, whatever it looks like");
    assert_eq!(config.infer.providers, [config::Provider::Cpu]);
    assert_eq!(config.store.path(&config.data), PathBuf::from("1234/store.sqlite"));
}

#[test]
fn a_store_on_servers_has_an_address_and_its_password_elsewhere() {
    let url = "[store]\nurl = \"scylla://cortex@one:9042,two:9042/city\"\npassword = \"hunter2\"";
    let config = load(url).unwrap();
    assert!(config.store.is_cql() && config.store.password.expose() == "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    for (text, said) in [
        (
            "url = \"scylla://a:hunter2@one/city\"",
            "cortex.toml:2:7: `store.url` must not have a password in it",
        ),
        ("url = \"scylla://one\"", "cortex.toml:2:7: `store.url` must be like scylla://"),
        ("url = \"cql://one/city\"", "cortex.toml:2:7: `store.url` must begin with sqlite:// or scylla://"),
        (
            "url = \"scylla://one/city\"\npassword = \"hunter2\"",
            "`store.password` needs a user in `store.url`",
        ),
        ("url = \"scylla://one/city\"\nreplication = 0", "`store.replication` must be 1 to 10"),
    ] {
        let wrong = wrong(&format!("[store]\n{text}")).join("\n");
        assert!(wrong.contains(said) && !wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn a_cluster_has_an_address_and_its_password_elsewhere() {
    let bus = "[bus]\nurl = \"kafka://one:9092,two:9092/city\"\nuser = \"cortex\"\npassword = \"hunter2\"";
    let open = load(bus).unwrap().bus;
    assert!(
        open.seals_chips().is_err_and(|said| said.contains("`bus.key`")),
        "no face leaves a process in the clear"
    );
    let key = load(&format!("{bus}\nkey = \"{}\"", "c0".repeat(32))).unwrap().bus;
    assert!(key.seals_chips().is_ok() && load("").unwrap().bus.seals_chips().is_ok());
    let settings = open.kafka().unwrap();
    assert_eq!((settings.brokers.as_str(), settings.prefix.as_str()), ("one:9092,two:9092", "city."));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let address = "cortex.toml:2:7: `bus.url` must name brokers as kafka://";
    for (text, said) in [
        ("url = \"kafka://cortex:hunter2@one:9092\"", address),
        ("url = \"kafka://one\"", address),
        ("url = \"nats://one:4222\"", "cortex.toml:2:7: `bus.url` must begin with embedded:// or kafka://"),
        ("url = \"kafka://one:9092\"\nuser = \"cortex\"", "`bus.user` and `bus.password` belong together"),
        ("key = \"hunter2\"", "`bus.key` must be 64 hexadecimal digits"),
        ("session_s = 3.0", "`bus.session_s` must be 6 to 60 seconds"),
    ] {
        let wrong = wrong(&format!("[bus]\n{text}")).join("\n");
        assert!(wrong.contains(said) && !wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_with_line_and_suggestion() {
    let text = r#"
recognizer.enabled = true
[store]
budgt_gib = 3
stills_days = "many"
[runner]
workers = -2
detections_days = 5
[telemetry]
format = "jsn"
[listen]
address = "0.0.0.0:8080"
[infer]
providers = ["cpu", "tpu"]
[nonsense]
a = 1
"#;
    let wrong = wrong(text);
    let expected = [
        "cortex.toml:4:1: unknown key `budgt_gib` in [store]; did you mean `budget_gib`?",
        "cortex.toml:5:15: `store.stills_days` must be a number, this is a string in quotes",
        "cortex.toml:8:1: unknown key `detections_days` in [runner]; did you mean `store.detections_days`?",
        "cortex.toml:15:2: unknown key `nonsense`",
        "cortex.toml:10:10: `telemetry.format` `jsn` is not known, expected `text` or `json`; did you mean `json`?",
    ];
    for line in expected {
        assert!(wrong.iter().any(|found| found == line), "{line}\nis not among\n{}", wrong.join("\n"));
    }
    for start in [
        "cortex.toml:7:11: `runner.workers` must be a whole number, not negative, this is -2",
        "cortex.toml:14:21: `infer.providers[1]`",
    ] {
        assert!(
            wrong.iter().any(|found| found.starts_with(start)),
            "{start} is not among\n{}",
            wrong.join("\n")
        );
    }
    assert_eq!(wrong.len(), 7, "{}", wrong.join("\n"));
}

#[test]
fn values_of_the_right_type_are_judged_at_their_line() {
    let text = "[recognizer]\nenabled = true\n\n[listen]\naddress = \"0.0.0.0:8080\"\n[runner]\nworkers = 65";
    let wrong = wrong(text);
    assert_eq!(wrong.len(), 3, "{}", wrong.join("\n"));
    assert!(
        wrong
            .iter()
            .any(|line| line.starts_with("cortex.toml:5:11: `listen.address` 0.0.0.0:8080 is reached"))
    );
    assert!(wrong.iter().any(|line| line.starts_with("cortex.toml:7:11: `runner.workers` must be 1 to 64")));
    let locked =
        wrong.iter().find(|line| line.starts_with("cortex.toml:2:11: `recognizer.enabled`")).unwrap();
    assert!(locked.contains("\"eu-private\" or \"research\" allows it"), "{locked}");
    load("profile = \"eu-private\"\n[recognizer]\nenabled = true").unwrap();
}

#[test]
fn an_environment_variable_that_is_wrong_is_named() {
    let environment = [
        ("CORTEX__RUNNER__WORKRS", "3"),
        ("CORTEX__RUNNER__WORKERS", "many"),
        ("CORTEX____", "x"),
        ("CORTEX__A__B__C__D__E__F", "x"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let errors = config::load::<Config>(&defaults(), None, environment, validate).unwrap_err();
    let text = errors.to_string();
    assert!(
        text.contains("CORTEX__RUNNER__WORKRS: unknown key `workrs` in [runner]; did you mean `workers`?"),
        "{text}"
    );
    assert!(text.contains("CORTEX__RUNNER__WORKERS: `runner.workers` must be a whole number"), "{text}");
    assert_eq!(errors.len(), 4, "{text}");
}

#[test]
fn the_example_of_zones_is_right_and_becomes_entries() {
    let config = load(config::ZONES_EXAMPLE).unwrap();
    let found = entries::resolve(&config.cameras, &config.zones, &config.rules, &[]).unwrap();
    let line = found.zones.iter().find(|zone| zone.id == "kerb").unwrap();
    assert_eq!((line.shape(), line.origin()), (v1::Shape::Line, v1::Origin::File));
    assert_eq!(line.points[0], v1::Point { x: 0.5, y: 0.0 }, "pixels become shares");
    let rule = |id: &str| found.rules.iter().find(|rule| rule.id == id).unwrap();
    assert_eq!(rule("gate-dwell").parameters["seconds"], 10.0);
    assert_eq!(rule("kerb-crossing").options["direction"], "left");
    assert_eq!((rule("kerb-crossing").severity(), rule("gate-crowd").gap_s), (v1::Severity::High, 1.0));
}

#[test]
fn entries_are_judged_one_by_one() {
    let text = r#"
[[cameras]]
id = "yard"
urll = "rtsp://a/b"
rate = "fast"

[[cameras]]
id = "gate"
url = "test://pattern"
playback = "for ever"
"#;
    let wrong = wrong(text);
    let expected = [
        "cortex.toml:4:1: unknown key `urll` in `cameras[0]`; did you mean `url`?",
        "cortex.toml:10:12: `cameras[1].playback` `for ever` is not known, expected one of `realtime`, `fast`, `loop`",
    ];
    for line in expected {
        assert!(
            wrong.iter().any(|found| found.starts_with(line)),
            "{line}\nis not among\n{}",
            wrong.join("\n")
        );
    }
    assert!(
        wrong
            .iter()
            .any(|found| found == "cortex.toml:5:8: `cameras[0].rate` must be a number, this is a string"),
        "{}",
        wrong.join("\n")
    );
    assert!(
        wrong.iter().any(|found| found.contains("key `url` is missing in `cameras[0]`")),
        "{}",
        wrong.join("\n")
    );
    assert_eq!(wrong.len(), 4, "{}", wrong.join("\n"));
}

#[test]
fn entries_that_refer_to_nothing_are_named_with_what_was_meant() {
    let text = r#"
cameras = [
    { id = "yard", url = "rtsp://user:hunter2@10.0.0.7/s" },
    { id = "yard", url = "test://pattern" },
    { id = "a b", url = "nowhere" },
]
[[zones]]
id = "gate"
camera = "yrad"
points = [[0, 0], [1, 0], [1, 2]]
[[zones]]
id = "door"
camera = "yard"
size = [640, 480]
points = [[0, 0], [640, 480]]
[[rules]]
id = "r"
kind = "entry"
camera = "yard"
zone = "dor"
"#;
    let wrong = wrong(text);
    let all = wrong.join("\n");
    for part in [
        "3:26: `cameras[0].url` has a user or password",
        "4:12: `cameras[1].id` is `yard` again",
        "5:12: `cameras[2].id` must be 1 to 64 letters",
        "5:25: `cameras[2].url` must be like",
        "9:10: `zones[0].camera` names `yrad`, which is no camera here; did you mean `yard`?",
        "10:10: `zones[0].points` must be 0 to 1, or pixels within `size",
        "15:10: `zones[1].points` must be 3 to 64 different points",
        "20:8: `rules[0].zone` names `dor`, which is no zone here; did you mean `door`?",
    ] {
        assert!(all.contains(part), "{part}\nis not among\n{all}");
    }
    assert_eq!(wrong.len(), 8, "{all}");
    assert!(!all.contains("hunter2"), "a password is shown");
}

#[test]
fn cameras_may_come_from_elsewhere() {
    let config = load(config::ZONES_EXAMPLE).unwrap();
    let yard = "[[cameras]]\nid = \"yard\"\nurl = \"test://pattern\"\n";
    let with_yard = format!("{yard}{}", config::ZONES_EXAMPLE);
    assert!(wrong(&with_yard)[0].contains("names `vtest`, which is no camera here"));
    let cameras = load(yard).unwrap().cameras;
    entries::resolve(&cameras, &config.zones, &config.rules, &["vtest"]).unwrap();
}

#[test]
fn bombs_are_refused() {
    let deep = format!("x = {}1{}", "[".repeat(50), "]".repeat(50));
    let deeper = format!("x = {}", "[".repeat(200_000));
    let dotted = format!("{}x = 1", "a.".repeat(100_000));
    let wide = format!("zones = [{}]", "0,".repeat(20_000));
    let tables = "[[rules]]\n".repeat(20_000);
    let large = format!("# {}", "x".repeat(2 << 20));
    for (bomb, word) in [
        (&deep, "deeper"),
        (&deeper, ""),
        (&dotted, ""),
        (&wide, "elements"),
        (&tables, "elements"),
        (&large, "larger"),
    ] {
        let errors = load(bomb).unwrap_err();
        assert!(errors.to_string().contains(word) && errors.len() <= 100, "{errors}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    std::fs::write(&path, &large).unwrap();
    let errors = config::load::<Config>(&defaults(), Some(&path), [], validate).unwrap_err();
    assert!(errors.to_string().contains("larger than 1024 KiB"), "{errors}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binary.toml");
    std::fs::write(&path, [b'#', 0xff]).unwrap();
    for path in [path, folder.path().join("missing.toml"), folder.path().to_owned()] {
        let errors = config::load::<Config>(&defaults(), Some(&path), [], validate).unwrap_err();
        assert!(errors.to_string().starts_with(&path.display().to_string()), "{errors}");
    }
}

#[test]
fn a_file_that_is_no_toml_says_every_line() {
    let wrong = wrong("[store]\nbudget_gib = = 3\n[telemetry\nlog = \"info\"\n");
    assert!(wrong.iter().any(|line| line.starts_with("cortex.toml:2:")), "{wrong:?}");
    assert!(wrong.iter().any(|line| line.starts_with("cortex.toml:3:")), "{wrong:?}");
}

#[test]
fn the_schema_names_every_section() {
    let schema: serde_json::Value = serde_json::from_str(&config::schema::<Config>()).unwrap();
    for section in ["cameras", "zones", "rules", "store", "listen", "telemetry", "infer"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

/// Pieces of TOML in any order: nearer to right than arbitrary bytes.
fn toml_like() -> impl Strategy<Value = String> {
    let words = [
        "[store]\n",
        "[[zones]]\n",
        "[[rules]]\n",
        "[a.b]\n",
        "id = ",
        "points = ",
        "budget_gib = ",
        "camera = ",
        "kind = ",
        "\"gate\"\n",
        "[[0,0],[1,1]]\n",
        "{ a = 1 }\n",
        "1e999\n",
        "-1\n",
        "nan\n",
        "true\n",
        "1979-05-27\n",
        "'''",
        "\"\"\"",
        "\\u0000",
        ".",
        "=",
        ",",
        "#",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "é",
        "\u{feff}",
        "99999999999999999999\n",
        "zones = ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_panics(text in toml_like()) {
        if let Err(errors) = load(&text) {
            prop_assert!(!errors.is_empty() && !errors.to_string().is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), name in "CORTEX__[A-Z_]{0,20}") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let by_file = load(&text);
        let by_variable = config::load::<Config>(&defaults(), None, [(name, text)], validate);
        for errors in [by_file.err(), by_variable.err()].into_iter().flatten() {
            prop_assert!(!errors.is_empty());
        }
    }
}
