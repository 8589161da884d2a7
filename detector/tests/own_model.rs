//! A model of one's own, by the manifest alone.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use cortex_detector::{Config, Models};
use cortex_infer::{self as infer, Library, Provider};
use cortex_models::Picture;
use sha2::{Digest, Sha256};

/// A grey picture.
fn picture(width: usize, height: usize, grey: u8) -> Picture {
    Picture::rgb(width, height, vec![grey; width * height * 3]).unwrap()
}

/// The detector on a file of `models/`, entered with this decoder and what else is given.
fn load(folder: &Path, file: &str, decoder: &str, also: &str) -> Result<Models, cortex_detector::Error> {
    // As it is at the moment: a target folder may be shared by clones.
    let models = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../models");
    let sha256 = hex::encode(Sha256::digest(fs::read(models.join(file)).unwrap()));
    let manifest = folder.join("models.toml");
    let entry = format!(
        "[models.own]\ntask = 'objects'\nprecision = 'fp'\nfile = '{file}'\nsha256 = '{sha256}'\n\
         licence = ''\nsource = ''\ndecoder = '{decoder}'\ninput = 'input'\n{also}\n"
    );
    fs::write(&manifest, entry).unwrap();
    let infer =
        infer::Config { models, manifest, providers: vec![Provider::Cpu], ..infer::Config::default() };
    let library = Library::load(&infer).unwrap();
    Models::load(&library, &infer, &Config { face_long_side: 0, ..Config::default() })
}

/// A network as `models/recipe/tiny.py` makes it.
const TINY: &str = "golden/tiny_detr.onnx";

#[test]
fn cameras_are_looked_at_in_one_call_and_answered_in_their_own_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let mut models = load(folder.path(), TINY, "detr_postprocessed", "size = [32, 32]").unwrap();
    let pictures = [picture(640, 480, 51), picture(100, 50, 102), picture(64, 64, 204)];
    let seen = models.look(&pictures.each_ref());
    for ((seen, picture), score) in seen.iter().zip(&pictures).zip([0.2, 0.4, 0.8]) {
        assert_eq!(seen.failed, "");
        let one = seen.objects[0];
        assert_eq!(one.class, 3, "the network tells how many pictures came at once");
        assert_eq!((one.rect.x2, one.rect.y2), (picture.width() as f32, picture.height() as f32));
        assert!((one.score - score).abs() < 0.01, "{} is not {score}", one.score);
    }
}

#[test]
fn a_decoder_that_does_not_fit_fails_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let error = |file, decoder, also| load(folder.path(), file, decoder, also).err().unwrap().to_string();
    let outputs = error("files/object_nanodet_g.onnx", "yolox", "");
    assert!(outputs.contains("shape") && outputs.contains("strides 8, 16, 32"), "{outputs}");
    let input = error(TINY, "boxes_scores", "size = [32, 32]");
    assert!(input.contains("orig_target_sizes"), "{input}");
    let task = error(TINY, "scrfd", "");
    assert!(task.contains("Scrfd reads Faces"), "{task}");
}
