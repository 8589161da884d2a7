//! How well faces are told apart is measured on pictures as they are, and kept as a threshold card.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use cortex_models::{Card, Picture, Preprocessor, card::Kind};
use cortex_runtime::still;
use serde_json::Value;

fn cortex(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("cortex.toml");
    fs::write(&config, "").unwrap();
    support::command(&config, folder).current_dir(folder).args(arguments).output().unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// So many pictures of one person, each of another size and another quality: `name_0001.jpg` and on.
fn pictures(folder: &Path, of: &str, name: &str, count: usize) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let bytes = fs::read(support::models().join(format!("../golden/{of}.png"))).unwrap();
    let picture = still::decode(&bytes, still::Limits::default()).unwrap();
    let one = |number: usize| {
        let side = 240 + (7 * number + count) % 97;
        let small = Preprocessor::default().scale(&picture, side, side);
        let path = folder.join(format!("{name}_{number:04}.jpg"));
        fs::write(&path, still::encode(&small, 60 + (number % 40) as u8)).unwrap();
        path
    };
    (1..=count).map(one).collect()
}

fn nobody(path: &Path) {
    fs::write(path, still::encode(&Picture::rgb(160, 160, vec![128; 160 * 160 * 3]).unwrap(), 90)).unwrap();
}

#[test]
fn pairs_are_told_apart_and_what_has_no_face_or_cannot_be_read_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let ada = pictures(&folder.path().join("in/Ada"), "astronaut", "Ada", 20);
    let bob = pictures(&folder.path().join("in/Bob"), "camera", "Bob", 60);
    nobody(&folder.path().join("in/grey.jpg"));
    fs::write(folder.path().join("in/broken.jpg"), b"no picture").unwrap();
    let name = |path: &Path| path.strip_prefix(folder.path().join("in")).unwrap().display().to_string();
    let mut lines = vec!["one,other,same".to_owned()];
    for (one, other) in ada.iter().flat_map(|one| bob.iter().map(move |other| (one, other))) {
        lines.push(format!("{},{},0", name(one), name(other)));
    }
    lines.extend(ada.windows(2).map(|pair| format!("{},{},1", name(&pair[0]), name(&pair[1]))));
    lines.push(format!("{},grey.jpg,1", name(&ada[0])));
    lines.push(format!("broken.jpg,{},0", name(&ada[0])));
    fs::write(folder.path().join("pairs.csv"), lines.join("\n")).unwrap();

    let arguments =
        ["eval", "faces", "--pairs", "pairs.csv", "--images", "in", "--card", "own.toml", "--json"];
    let output = cortex(folder.path(), &arguments);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "not of all pictures: {words}");
    assert!(words.contains("broken.jpg: ") && words.contains("1 of 82 pictures"), "{words}");
    let said = answer(&output);
    assert_eq!(said["pairs"], serde_json::json!({ "same": 20, "different": 1200, "left_out": 1 }));
    assert_eq!(said["pictures"]["read"], 81, "each once");
    assert_eq!(said["pictures"]["without_face"], serde_json::json!(["in/grey.jpg"]));
    let figures = &said["figures"];
    // The pair with the grey picture cannot be known to be one person: one of 1,220 is wrong.
    let wrong: f64 = figures["folds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fold| (1.0 - fold["accuracy"].as_f64().unwrap()) * fold["pairs"].as_f64().unwrap())
        .sum();
    assert!((wrong - 1.0).abs() < 1e-6 && figures["folds"].as_array().unwrap().len() == 10, "{figures}");
    assert_eq!(figures["tar"][0]["tar"], 0.95);
    assert_eq!(
        (figures["tar"][0]["rests_on"].as_u64(), figures["tar"][1]["rests_on"].as_u64()),
        (Some(12), Some(1))
    );

    let card = Card::parse(&fs::read_to_string(folder.path().join("own.toml")).unwrap()).unwrap();
    let measured = &card.measurements[0];
    assert_eq!((measured.kind, measured.people, measured.trials), (Kind::Pairs, 1, 1200));
    assert_eq!(measured.sha256, said["sha256"].as_str().unwrap());
    let threshold = figures["tar"][0]["threshold"].as_f64().unwrap() as f32;
    assert!((card.threshold(0.01, 1) - threshold).abs() < 2e-4);
}

#[test]
fn a_list_finds_its_people_and_a_card_says_at_which_threshold() {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("gallery/Ada"), "astronaut", "still", 2);
    let probes = folder.path().join("probes");
    pictures(&probes.join("Ada"), "astronaut", "probe", 5);
    nobody(&probes.join("Ada/turned.jpg"));
    pictures(&probes.join("Bob"), "camera", "probe", 50);
    pictures(&folder.path().join("more"), "camera", "Ada", 55); // a stranger whatever the name

    let arguments = [
        "eval",
        "watchlist",
        "--gallery",
        "gallery",
        "--probes",
        "probes",
        "--strangers",
        "more",
        "--card",
        "own.toml",
        "--json",
    ];
    let output = cortex(folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let said = answer(&output);
    assert_eq!(
        (said["gallery"]["people"].as_u64(), said["gallery"]["templates"].as_u64()),
        (Some(1), Some(2))
    );
    let (pictures, people) = (&said["by_picture"], &said["by_person"]);
    assert_eq!((pictures["mated"].as_u64(), pictures["strangers"].as_u64()), (Some(6), Some(105)));
    assert_eq!((people["mated"].as_u64(), people["strangers"].as_u64()), (Some(1), Some(2)));
    // Five of six pictures are found, the grey one is not; the person is.
    let missed = pictures["fnir"][1]["fnir"].as_f64().unwrap();
    assert!((missed - 1.0 / 6.0).abs() < 1e-9, "{pictures}");
    assert_eq!((people["rank_1"].as_f64(), people["fnir"][0]["fnir"].as_f64()), (Some(1.0), Some(0.0)));
    let card = Card::parse(&fs::read_to_string(folder.path().join("own.toml")).unwrap()).unwrap();
    let measured = &card.measurements[0];
    assert_eq!((measured.kind, measured.people, measured.trials), (Kind::Watchlist, 1, 105));
    assert!(card.threshold(0.01, 1) > card.threshold(0.05, 1));
}
