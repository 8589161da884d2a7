//! Real models and a real face, for the stories of recognition.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // a broken promise ends the test; every story uses a part

use std::{fs, path::Path, sync::Arc, time::Duration};

use cortex_infer::{Config, Library, Provider};
use cortex_models::{Face, Picture, Preprocessor};
use cortex_proto::v1;
use cortex_recognizer::{Enroller, Gallery};
use cortex_runtime::{
    CutChip, still,
    store::{Retention, Sqlite},
};

pub fn library() -> (Library, Config) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/files");
    let config = Config { models, providers: vec![Provider::Cpu], ..Config::default() };
    (Library::load(&config).unwrap(), config)
}

pub fn enroller() -> Enroller {
    let (library, config) = library();
    Enroller::load(&library, &config).unwrap()
}

pub fn gallery() -> Gallery {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    Gallery::open(Arc::new(Sqlite::open(None, retention).unwrap()), [7; 32]).unwrap()
}

/// A portrait of 512 x 512 pixels, as a file.
pub fn astronaut() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/golden/astronaut.png")).unwrap()
}

/// A picture made smaller, as a file.
pub fn shrunk(bytes: &[u8], scale: f32) -> Vec<u8> {
    let picture = still::decode(bytes, still::Limits::default()).unwrap();
    let size = |side: usize| (side as f32 * scale) as usize;
    let small = Preprocessor::default().scale(&picture, size(picture.width()), size(picture.height()));
    still::encode(&small, 85)
}

/// A view of a face as the detector would send it: here the whole picture.
pub fn chip(picture: &Picture, face: &Face, message: v1::Chip) -> CutChip {
    let landmarks = face.landmarks.iter().map(|[x, y]| v1::Point { x: *x, y: *y }).collect();
    CutChip { message: v1::Chip { landmarks, ..message }, picture: Some(picture.clone()), quality: 95 }
}
