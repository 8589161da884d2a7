//! Structured logs on standard error: standard output belongs to what a command prints.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use super::Error;
use crate::config::{Format, Telemetry};

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

pub(super) fn start(config: &Telemetry) -> Result<(), Error> {
    let filter =
        EnvFilter::try_new(&config.log).map_err(|error| Error::new("read `telemetry.log`", error))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Boxed = match config.format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        Format::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    subscriber.try_init().map_err(|error| Error::new("begin logging", error))
}
