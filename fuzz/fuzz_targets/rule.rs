//! A rule as it comes over the API, its schedule and time zone as text: it is refused with a reason, or it can look at
//! any picture at any time.
#![no_main]

use cortex_rules::{Engine, validate};
use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::Tables;
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 6] = ["entry", "exit", "dwell", "crossing", "crowd", "unknown"];
const PARAMETERS: [&str; 3] = ["seconds", "count", "odd"];

fuzz_target!(|input: (u8, u8, [f32; 8], f64, i64, &str, &str)| {
    let (kind, shape, numbers, parameter, time_us, schedule, time_zone) = input;
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let mut tables = Tables::default();
    tables.take_camera(&v1::Camera { id: "c".into(), site: "s".into(), ..Default::default() });
    let points = numbers.chunks(2).map(|pair| v1::Point { x: pair[0], y: pair[1] }).collect();
    let zone = v1::Zone {
        id: "z".into(),
        camera: "c".into(),
        shape: i32::from(shape % 4),
        points,
        ..Default::default()
    };
    tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
    let given = PARAMETERS.iter().enumerate().filter(|(n, _)| shape & (16 << n) != 0);
    let rule = v1::Rule {
        id: "r".into(),
        kind: kind.into(),
        zone: "z".into(),
        severity: v1::Severity::Low as i32,
        gap_s: numbers[0],
        cooldown_s: numbers[1],
        schedule: schedule.into(),
        time_zone: time_zone.into(),
        parameters: given.map(|(_, name)| ((*name).into(), parameter)).collect(),
        ..Default::default()
    };
    if let Err(refused) = validate(&rule, &tables) {
        assert!(refused.contains(": "), "a refusal names the field: {refused}");
        return;
    }
    tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule)) });
    let mut engine = Engine::default();
    engine.reload("c", &tables);
    // Stream time is within what a clock can say: year 1 to 9999.
    let time_us = time_us % 253_000_000_000_000_000;
    for (seq, step) in [0, 1, 1_000_000].into_iter().enumerate() {
        let [x1, y1, x2, y2, ..] = numbers;
        let object = v1::Object {
            track: 1,
            class: "person".into(),
            state: v1::ObjectState::Detected as i32,
            r#box: Some(v1::Box { x1, y1, x2, y2 }),
            ..Default::default()
        };
        engine.look(&v1::Detections {
            frame: Some(v1::FrameId { camera: "c".into(), epoch: 1, seq: seq as u64, ..Default::default() }),
            time_us: time_us + step,
            objects: vec![object],
            ..Default::default()
        });
    }
});
