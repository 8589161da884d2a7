//! The port gives what the reference (`models/recipe/pp.py`) gives, on real pictures: boxes within a pixel,
//! embeddings at a cosine above 0.999. `models/recipe/golden.py` wrote what is expected.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{env, fs, path::PathBuf};

use cortex_infer::{Config, Library, Provider, Session};
use cortex_models::{
    DLIB_150, Detection, Manifest, Model, Picture, Preprocessor, Rect, chip, decode, mirror, normalise,
};
use cortex_runtime::still;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    objects: Vec<Object>,
    objects_int8: Vec<Object>,
    faces: Vec<Face>,
    pose: Pose,
}

#[derive(Deserialize)]
struct Object {
    class: u16,
    score: f32,
    #[serde(rename = "box")]
    rect: [f32; 4],
}

#[derive(Deserialize)]
struct Face {
    #[serde(rename = "box")]
    rect: [f32; 4],
    landmarks: [[f32; 2]; 5],
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Pose {
    #[serde(rename = "box")]
    rect: [f32; 4],
    keypoints: Vec<[f32; 3]>,
}

/// The shipped models.
struct Shipped {
    config: Config,
    library: Library,
    manifest: Manifest,
}

impl Shipped {
    fn load() -> Self {
        let config =
            Config { models: folder().join("files"), providers: vec![Provider::Cpu], ..Config::default() };
        Self { library: Library::load(&config).unwrap(), manifest: Manifest::shipped(), config }
    }

    fn open(&self, name: &str) -> (&Model, Session) {
        let model = self.manifest.model(name).unwrap();
        (model, Session::open(&self.library, &self.config, model).unwrap())
    }
}

/// As it is at the moment: a target folder may be shared by clones.
fn folder() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../models")
}

/// Every golden picture with what is expected of it.
fn pictures() -> impl Iterator<Item = (Picture, Golden)> {
    ["astronaut", "camera"].into_iter().map(|name| {
        let read = |kind: &str| fs::read(folder().join("golden").join(format!("{name}.{kind}"))).unwrap();
        let picture = still::decode(&read("png"), still::Limits::default()).unwrap();
        (picture, serde_json::from_slice(&read("json")).unwrap())
    })
}

/// Within a pixel.
fn near(rect: Rect, expected: [f32; 4]) -> bool {
    [rect.x1, rect.y1, rect.x2, rect.y2].iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1.0)
}

/// Boxes within a pixel, scores within `apart`.
fn same(found: &[Detection], expected: &[Object], apart: f32) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for expected in expected {
        let one = found.iter().find(|one| one.class == expected.class && near(one.rect, expected.rect));
        let one =
            one.unwrap_or_else(|| panic!("class {} at {:?} in {found:?}", expected.class, expected.rect));
        assert!((one.score - expected.score).abs() < apart, "{one:?} has not {}", expected.score);
    }
}

#[test]
fn objects_are_the_references() {
    let (shipped, mut preprocessor) = (Shipped::load(), Preprocessor::default());
    for name in ["object_nanodet_g", "object_nanodet_g_int8"] {
        let (model, mut session) = shipped.open(name);
        for (picture, golden) in pictures() {
            let (tensor, placement) = preprocessor.prepare(&picture, 640, 384, model.fit());
            let found = session.run(&[("input", &tensor)], |outputs| {
                decode::objects(model, outputs, (640, 384), 0.35, &placement)
            });
            let found = found.unwrap().unwrap();
            let (expected, apart) = if name.ends_with("int8") {
                (&golden.objects_int8, 0.05) // the last bit of a pixel may be a whole step of eight-bit numbers
            } else {
                (&golden.objects, 0.02)
            };
            same(&found, expected, apart);
        }
    }
}

#[test]
fn faces_and_embeddings_are_the_references() {
    let (shipped, mut preprocessor) = (Shipped::load(), Preprocessor::default());
    let (model, mut session) = shipped.open("face_centerface");
    let (_, mut embedder) = shipped.open("face_dlib_resnet_128_int8");
    for (picture, golden) in pictures() {
        // At the picture's own size: two cells of a face may score alike to 4e-4, and the last bit of a resize would
        // choose.
        let size = model.input_size(&picture, 512);
        let (tensor, placement) = preprocessor.prepare(&picture, size.0, size.1, model.fit());
        let faces = session
            .run(&[("input", &tensor)], |outputs| decode::faces(model, outputs, size, 0.5, &placement));
        let faces = faces.unwrap().unwrap();
        assert_eq!(faces.len(), golden.faces.len());
        for (face, expected) in faces.iter().zip(&golden.faces) {
            assert!(near(face.rect, expected.rect), "{:?} is not {:?}", face.rect, expected.rect);
            let apart = face.landmarks.iter().zip(&expected.landmarks);
            let apart = apart.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).fold(0.0, f32::max);
            assert!(apart <= 1.0, "landmarks are {apart} pixels apart");
            let chip = chip(&picture, &face.landmarks, &DLIB_150, 150).unwrap();
            let mirrored = mirror(&chip);
            // Both views in one call: this model's first axis is free.
            let views = [vec![("input", &chip)], vec![("input", &mirrored)]];
            let views = embedder.run_each(&views, |_, outputs| outputs.0[0].1.data.to_vec());
            let [mut sum, other] = views.try_into().map(|views: [_; 2]| views.map(Result::unwrap)).unwrap();
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
            normalise(&mut sum);
            let cosine: f32 = sum.iter().zip(&expected.embedding).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.999, "cosine {cosine}");
        }
    }
}

#[test]
fn poses_are_the_references() {
    let shipped = Shipped::load();
    let (_, mut session) = shipped.open("pose_movenet_lightning_192");
    for (picture, golden) in pictures() {
        // The square about the person, a quarter larger; black where it leaves the picture.
        let [x1, y1, x2, y2] = golden.pose.rect;
        let (x, y, half) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0, (x2 - x1).max(y2 - y1) * 1.25 / 2.0);
        let square = Rect::new(x - half, y - half, x + half, y + half);
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [1.0, 1.0]];
        let places = corners.map(|[u, v]| [square.x1 + u * square.width(), square.y1 + v * square.height()]);
        let tensor = chip(&picture, &places, &corners.map(|[u, v]| [u * 192.0, v * 192.0]), 192).unwrap();
        let pose = session.run(&[("input", &tensor)], |outputs| decode::movenet(outputs, square));
        let pose = pose.unwrap().unwrap();
        let mut sure = 0;
        for (found, expected) in pose.keypoints.iter().zip(&golden.pose.keypoints) {
            assert!((found[2] - expected[2]).abs() < 0.05, "{found:?} is not {expected:?}");
            if expected[2] > 0.5 {
                let apart = (found[0] - expected[0]).hypot(found[1] - expected[1]);
                assert!(apart <= 1.0, "{found:?} is not {expected:?}");
                sure += 1;
            }
        }
        assert!(sure >= 5, "{sure} keypoints are sure");
    }
}
