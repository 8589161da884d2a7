//! Everything in one process: the only place that knows every stage.

use cortex_alerter::Hands;
use cortex_process::{Part, Process, Served};

/// Every stage. What a request needs of one is done here, without a hop.
pub(crate) const ALL: Part = Part { name: "cortex", alone: false, quiet: false, start };

fn start(process: &Process) -> anyhow::Result<Served> {
    let config = &process.config;
    let gallery = cortex_recognizer::gallery(config, &process.context.store)?;
    let hands = Hands {
        probe: cortex_ingest::Hands::new(config).probe,
        redact: cortex_cloaker::Hands::new(config).redact,
        recognition: cortex_recognizer::recognition(config, gallery.clone()),
    };
    let served = cortex_alerter::start(process, hands)?;
    cortex_detector::start(process)?;
    cortex_recognizer::start(process, gallery.as_ref())?;
    cortex_cloaker::spawn(&process.context, config)?;
    cortex_ingest::start(process)?;
    Ok(served)
}
