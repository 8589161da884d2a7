//! The detector as a part of a process.

use cortex_infer::{self as infer, Library};
use cortex_process::{Config, Part, Process, Served, fatal};
use cortex_runtime::{Context, Fatal, Stage as _, runner};

use crate::{Detector, Models};

/// The detector as a process of its own.
pub const PART: Part = Part::stage(Detector::NAME, |process| {
    start(process)?;
    Ok(Served::default())
});

/// Starts the workers, after the variant of the models was measured where that is left open.
///
/// # Errors
/// A model cannot be loaded, or the bus cannot be read.
pub fn start(process: &Process) -> anyhow::Result<()> {
    let config = &process.config;
    if config.recognizer.enabled {
        config.bus.seals_chips().map_err(anyhow::Error::msg)?;
    }
    infer::pin(&Library::load(&config.infer)?, &config.infer)?;
    spawn(&process.context, config)
}

/// Starts the workers, each with models of its own.
///
/// # Errors
/// A model cannot be loaded, or the bus cannot be read.
pub fn spawn(context: &Context, config: &Config) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    let mut detector = config.detector.clone();
    detector.chips = config.recognizer.enabled;
    let worker = || {
        let models = Models::load(&library, &config.infer, &detector).map_err(Fatal::new)?;
        Ok(Detector::new(detector.clone(), Some(models)))
    };
    runner::spawn(context, &config.runner, worker).map_err(fatal)
}
