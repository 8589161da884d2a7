//! The port gives what the reference (`models/recipe/pp.py`) gives, on a real picture: boxes within a pixel, embeddings
//! at a cosine above 0.999. `models/recipe/golden.py` wrote what is expected.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{fs, path::PathBuf};

use cortex_models::{
    DLIB_150, Fit, Manifest, Preprocessor, Rect, chip,
    decode::{self, Thresholds},
    mirror, multiple_of_32, normalise,
};
use cortex_runtime::{
    infer::{Config, Library, Provider, Session},
    still,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    objects: Vec<Object>,
    faces: Vec<Face>,
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

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn near(rect: Rect, expected: [f32; 4]) -> bool {
    [rect.x1, rect.y1, rect.x2, rect.y2].iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1.0)
}

#[test]
fn objects_faces_and_embeddings_are_the_reference() {
    let golden: Golden =
        serde_json::from_slice(&fs::read(folder().join("golden/astronaut.json")).unwrap()).unwrap();
    let picture =
        still::decode(&fs::read(folder().join("golden/astronaut.png")).unwrap(), still::Limits::default())
            .unwrap();
    let config =
        Config { models: folder().join("files"), providers: vec![Provider::Cpu], ..Config::default() };
    let (library, manifest) = (Library::load(&config).unwrap(), Manifest::shipped());
    let open = |name: &str| Session::open(&library, &config, manifest.model(name).unwrap()).unwrap();
    let mut preprocessor = Preprocessor::default();

    let (tensor, placement) = preprocessor.prepare(&picture, 640, 384, Fit::Letterbox);
    let thresholds = Thresholds { score: 0.35, iou: 0.6 };
    let read = |outputs: decode::Outputs<'_>| decode::boxes_scores(outputs, thresholds, &placement);
    let objects = open("object_nanodet_g").run(&[("input", &tensor)], read).unwrap().unwrap();
    assert_eq!(objects.len(), golden.objects.len());
    for expected in &golden.objects {
        let found =
            objects.iter().find(|found| found.class == expected.class && near(found.rect, expected.rect));
        let found =
            found.unwrap_or_else(|| panic!("class {} at {:?} in {objects:?}", expected.class, expected.rect));
        assert!((found.score - expected.score).abs() < 0.02);
    }

    // At the picture's own size: two cells of this face score alike to 4e-4, and the last bit of a resize would choose.
    let scale = 512.0 / picture.width().max(picture.height()) as f32;
    let size = |length: usize| multiple_of_32(length as f32 * scale);
    let (tensor, placement) =
        preprocessor.prepare(&picture, size(picture.width()), size(picture.height()), Fit::Stretch);
    let thresholds = Thresholds { score: 0.5, iou: 0.3 };
    let read = |outputs: decode::Outputs<'_>| decode::centerface(outputs, thresholds, &placement);
    let faces = open("face_centerface").run(&[("input", &tensor)], read).unwrap().unwrap();
    assert_eq!(faces.len(), golden.faces.len());
    let mut embedder = open("face_dlib_resnet_128_int8");
    for (face, expected) in faces.iter().zip(&golden.faces) {
        assert!(near(face.rect, expected.rect), "{:?} is not {:?}", face.rect, expected.rect);
        let apart =
            face.landmarks.iter().zip(&expected.landmarks).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]));
        assert!(apart.fold(0.0, f32::max) <= 1.0);
        let chip = chip(&picture, &face.landmarks, &DLIB_150, 150).unwrap();
        let mut embed =
            |chip| embedder.run(&[("input", chip)], |outputs| outputs.0[0].1.data.to_vec()).unwrap();
        let mut sum = embed(&chip);
        sum.iter_mut().zip(embed(&mirror(&chip))).for_each(|(sum, other)| *sum += other);
        normalise(&mut sum);
        let cosine: f32 = sum.iter().zip(&expected.embedding).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.999, "cosine {cosine}");
    }
}
