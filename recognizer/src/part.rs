//! The recognizer as a part of a process: what is started.

use std::sync::Arc;

use anyhow::Context as _;
use cortex_infer::{self as infer, Library};
use cortex_models::{Card, Task};
use cortex_process::{Config, Part, Process, Served, fatal};
use cortex_runtime::{
    Context, Fatal, Stage as _,
    audit::Auditor,
    keys::{Keys, PeopleKeys},
    runner,
    store::Store,
};
use tracing::warn;

use crate::{
    Audit, Gallery, Model, Recognizer,
    gallery::{Cards, Scale},
    hands,
    import::FACEAPI_128,
    service,
};

/// The recognizer as a process of its own.
pub const PART: Part = Part::stage(Recognizer::NAME, |process| {
    let config = &process.config;
    if config.recognizer.enabled && config.keys.path.as_os_str().is_empty() {
        anyhow::bail!(
            "every recognizer opens the same gallery: set `keys.path` to a key file that all have, with the `.wrapped` and the folder `.people` beside it"
        );
    }
    let gallery = gallery(config, &process.context.store)?;
    if gallery.is_none() {
        warn!("recognition is off, so there is nothing to do: `recognizer.enabled` switches it on");
    }
    start(process, gallery.as_ref())?;
    let router = service::router(hands::recognition(config, gallery), &process.access);
    Ok(Served { router, login: false })
});

/// The gallery, when recognition is on: without it no key is opened and nothing biometric starts.
///
/// # Errors
/// The key or the gallery cannot be opened.
pub fn gallery(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Option<Gallery>> {
    if !config.recognizer.enabled {
        return Ok(None);
    }
    let keys = PeopleKeys::open(&Keys::open(&config.keys.file(&config.data))?)?;
    let clock = Arc::new(runner::wall_clock);
    let gallery = Gallery::open(Arc::clone(store), keys, scale(config)?, clock)?;
    let life_us = (f64::from(config.recognizer.strangers_minutes) * 60e6) as i64;
    Ok(Some(if life_us > 0 { gallery.telling_strangers_apart(life_us) } else { gallery }))
}

/// The card of descriptors that no model of the manifest makes.
const FACEAPI_CARD: &str = include_str!("../../models/cards/faceapi-128.toml");

/// What the vectors of the model that the configuration picks mean. A model without a threshold card cannot tell whether
/// somebody is alike enough.
fn scale(config: &Config) -> anyhow::Result<Scale> {
    let manifest = infer::manifest(&config.infer)?;
    let name = infer::pick(&config.infer, &manifest, Task::Embedding)?;
    let space = manifest.model(&name)?.embedding_space.clone();
    let card = manifest.card(&space)?.with_context(|| {
        format!("model `{name}` has no threshold card: `cortex eval watchlist --card` makes one, name it in the manifest")
    })?;
    let cards = Cards::from([(space.clone(), card), (FACEAPI_128.to_owned(), Card::parse(FACEAPI_CARD)?)]);
    Ok(Scale { space, cards })
}

/// Starts the workers when there is a gallery, after the variant of the models was measured where that is left open.
///
/// # Errors
/// A model cannot be loaded, or the bus cannot be read.
pub fn start(process: &Process, gallery: Option<&Gallery>) -> anyhow::Result<()> {
    let Some(gallery) = gallery else { return Ok(()) };
    gallery.renumber()?;
    let config = &process.config;
    config.bus.seals_chips().map_err(anyhow::Error::msg)?;
    infer::pin(&Library::load(&config.infer)?, &config.infer)?;
    spawn(&process.context, config, gallery, &process.audit)
}

/// Starts the workers, each with a model of its own.
///
/// # Errors
/// A model cannot be loaded, or the bus cannot be read.
pub fn spawn(context: &Context, config: &Config, gallery: &Gallery, audit: &Auditor) -> anyhow::Result<()> {
    let (library, audit) = (Library::load(&config.infer)?, audit.clone());
    let write: Audit = Arc::new(move |found| {
        let place = format!("{}/{}", found.camera, found.person);
        let detail = format!(
            "similarity {:.3}, frame {}, gallery {}, lists {}",
            found.similarity,
            found.frame,
            found.gallery_version,
            found.lists.join(" ")
        );
        audit.write("recognizer", "match", &place, &detail).map_err(|error| error.to_string())
    });
    let worker = || {
        let model = Model::load(&library, &config.infer).map_err(Fatal::new)?;
        Ok(Recognizer::new(config.recognizer.clone(), model, gallery.clone(), Arc::clone(&write)))
    };
    runner::spawn(context, &config.runner, worker).map_err(fatal)
}
