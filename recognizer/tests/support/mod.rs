//! Real models and a real face, for the stories of recognition.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // a broken promise ends the test; every story uses a part

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cortex_infer::{Config, Library, Provider};
use cortex_models::{Face, Manifest, Picture, Preprocessor};
use cortex_proto::v1;
use cortex_recognizer::{Cards, Enroller, Gallery, Person, Scale, Template};
use cortex_runtime::{
    CutChip,
    keys::{Keys, PeopleKeys},
    still,
    store::{Retention, Sqlite, Store},
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

/// A gallery with its store and keys, and a clock that is set by hand.
pub struct Room {
    pub gallery: Gallery,
    pub store: Arc<dyn Store>,
    pub now_us: Arc<AtomicI64>,
    pub folder: tempfile::TempDir,
}

/// A day of 2026, on the system's clock.
pub const TODAY_US: i64 = 1_790_000_000_000_000;
pub const DAY_US: i64 = 86_400_000_000;

pub fn room() -> Room {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: 90 * day, detections: day, stills: day, budget: u64::MAX };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(None, retention).unwrap());
    let (folder, now_us) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(TODAY_US)));
    let gallery = open(&store, folder.path(), &now_us);
    Room { gallery, store, now_us, folder }
}

/// A gallery over a store, with the keys of a folder.
pub fn open(store: &Arc<dyn Store>, folder: &Path, now_us: &Arc<AtomicI64>) -> Gallery {
    let keys = PeopleKeys::open(&Keys::open(&folder.join("master.key")).unwrap()).unwrap();
    let card = Manifest::shipped().card(SPACE).unwrap().unwrap();
    let scale = Scale { space: SPACE.to_owned(), cards: Cards::from([(SPACE.to_owned(), card)]) };
    let now_us = Arc::clone(now_us);
    Gallery::open(Arc::clone(store), keys, scale, Arc::new(move || now_us.load(Ordering::Relaxed))).unwrap()
}

/// The space of the shipped model.
pub const SPACE: &str = "dlib-resnet-128";

/// Adds somebody with these templates.
pub fn person(gallery: &Gallery, name: &str, vectors: &[&[f32]], lists: &[&str]) -> String {
    let template = |vector: &&[f32]| Template {
        space: SPACE.into(),
        model: "m".into(),
        quality: 0.9,
        turn: 0.0,
        vector: vector.to_vec(),
    };
    let templates = vectors.iter().map(template).collect();
    let person = Person { name: name.into(), templates, enrolled_us: gallery.now(), ..Person::default() };
    let lists: Vec<String> = lists.iter().map(ToString::to_string).collect();
    gallery.add(person, &[], &lists).unwrap()
}

/// A list that is in force for 30 days; of one member it wants a cosine of 0.946.
pub fn list(id: &str) -> v1::Watchlist {
    v1::Watchlist {
        id: id.into(),
        title: format!("{id} people"),
        purpose: "to find them".into(),
        legal_basis: "court order 12/26".into(),
        owner: "duty officer".into(),
        expires_us: TODAY_US + 30 * DAY_US,
        false_alarms: 0.01 / 80.0,
        severity: v1::Severity::High as i32,
        without_confirmation: true,
        ..Default::default()
    }
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
