//! The recognizer as a part of a process: what is started.

use std::sync::Arc;

use cortex_infer::{self as infer, Library};
use cortex_process::{Config, Part, Process, Served, fatal};
use cortex_runtime::{Context, Fatal, Stage as _, audit::Auditor, keys::Keys, runner, store::Store};
use tracing::warn;

use crate::{Audit, Gallery, Hands, Model, Recognizer};

/// The recognizer as a process of its own.
pub const PART: Part = Part::stage(Recognizer::NAME, |process| {
    let config = &process.config;
    if config.recognizer.enabled && config.keys.path.as_os_str().is_empty() {
        anyhow::bail!(
            "every recognizer opens the same gallery: set `keys.path` to a key file that all have, with the `.wrapped` beside it"
        );
    }
    let gallery = gallery(config, &process.context.store)?;
    if gallery.is_none() {
        warn!("recognition is off, so there is nothing to do: `recognizer.enabled` switches it on");
    }
    start(process, gallery.as_ref())?;
    Ok(Served { router: Hands::new(config, gallery).router(&process.access), login: false })
});

/// The gallery, when recognition is on: without it no key is opened and nothing biometric starts.
///
/// # Errors
/// The key or the gallery cannot be opened.
pub fn gallery(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Option<Gallery>> {
    if !config.recognizer.enabled {
        return Ok(None);
    }
    let key = Keys::open(&config.keys.file(&config.data))?.key("gallery")?;
    Ok(Some(Gallery::open(Arc::clone(store), *key.bytes())?))
}

/// Starts the workers when there is a gallery, after the variant of the models was measured where that is left open.
///
/// # Errors
/// A model cannot be loaded, or the bus cannot be read.
pub fn start(process: &Process, gallery: Option<&Gallery>) -> anyhow::Result<()> {
    let Some(gallery) = gallery else { return Ok(()) };
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
    let write: Audit = Arc::new(move |camera, person, similarity| {
        let (place, detail) = (format!("{camera}/{person}"), format!("similarity {similarity:.3}"));
        audit.write("recognizer", "match", &place, &detail).map_err(|error| error.to_string())
    });
    let worker = || {
        let model = Model::load(&library, &config.infer).map_err(Fatal::new)?;
        Ok(Recognizer::new(config.recognizer.clone(), model, gallery.clone(), Arc::clone(&write)))
    };
    runner::spawn(context, &config.runner, worker).map_err(fatal)
}
