//! Pictures in, answers out: faces with their vectors, and pictures in which no face is found any more.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{fs, path::Path, process::Output};

use serde_json::Value;

fn cortex(folder: &Path, arguments: &[&str], paths: &[&Path]) -> Output {
    let config = folder.join("cortex.toml");
    fs::write(&config, "").unwrap();
    support::command(&config, folder).args(arguments).args(paths).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn bad_pictures_are_reported_and_the_others_answered_the_same_by_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.jpg");
    fs::write(&broken, [0xff, 0xd8, 0xff, 1, 2, 3]).unwrap();
    let (good, gone) = (support::astronaut(), folder.path().join("gone.png"));
    let other = folder.path().join("copy.png");
    fs::copy(&good, &other).unwrap();
    let paths: [&Path; 5] = [&broken, &good, &gone, &other, &good];

    let output = cortex(folder.path(), &["embed", "--json", "--threads", "3"], &paths);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("broken.jpg: ") && said.contains("gone.png: ") && said.contains("2 of 5"),
        "{said}"
    );

    let answers = lines(&output);
    let images: Vec<&str> = answers.iter().map(|answer| answer["image"].as_str().unwrap()).collect();
    assert_eq!(
        images,
        [&good, &other, &good].map(|path| path.to_str().unwrap()),
        "in the order they were named"
    );
    let face = &answers[0]["faces"][0];
    assert_eq!((answers[0]["width"].as_u64(), answers[0]["height"].as_u64()), (Some(512), Some(512)));
    assert!(face["box"].as_array().is_some_and(|places| places.len() == 4), "{face}");
    assert!(face["landmarks"].as_array().is_some_and(|points| points.len() == 5), "{face}");
    assert!(face["score"].is_number() && face["model"].is_string(), "{face}");
    let vector = face["embedding"].as_array().unwrap();
    let length: f64 = vector.iter().map(|value| value.as_f64().unwrap().powi(2)).sum();
    assert!(vector.len() == 128 && (length - 1.0).abs() < 1e-3);

    let alone = cortex(folder.path(), &["embed", "--json", "--threads", "1"], &paths);
    assert_eq!(alone.stdout, output.stdout, "the same by any number of workers");
}

#[test]
fn redaction_leaves_no_face_and_no_original_harmed() {
    let folder = tempfile::tempdir().unwrap();
    let originals = folder.path().join("in");
    fs::create_dir(&originals).unwrap();
    // The same stem twice, and an original where the answer would go.
    for name in ["a.png", "a.webp", "b.jpg"] {
        fs::copy(support::astronaut(), originals.join(name)).unwrap();
    }
    let before = fs::read(support::astronaut()).unwrap();
    let redact =
        |input: &Path, out: &Path| cortex(folder.path(), &["redact"], &[input, Path::new("--out"), out]);

    let refused = redact(&originals, &originals.join("../in"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds the originals"));
    assert_eq!(
        redact(&originals.join("b.jpg"), &originals).status.code(),
        Some(1),
        "also of a single picture"
    );

    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::symlink(originals.join("b.jpg"), out.join("b.jpg.jpg")).unwrap();
    assert!(redact(&originals, &out).status.success());
    for name in ["a.png", "a.webp", "b.jpg"] {
        assert_eq!(fs::read(originals.join(name)).unwrap(), before, "{name} is untouched");
        let redacted = out.join(format!("{name}.jpg"));
        let seen = cortex(folder.path(), &["embed", "--json"], &[&redacted]);
        assert_eq!(lines(&seen)[0]["faces"].as_array().map(Vec::len), Some(0), "{name}");
    }
}
