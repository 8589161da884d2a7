//! Configuration: `default.toml` < file < `CORTEX__SECTION__KEY` in the environment. The only place that reads the
//! environment.
//!
//! What is wrong is said all at once, each with file, line, column and what was probably meant.

mod address;
mod alerter;
mod bounds;
pub mod checks;
mod cloaker;
mod detector;
pub mod entries;
mod error;
mod fit;
mod ground;
mod infer;
mod ingest;
mod merge;
mod network;
pub mod profile;
mod recognizer;
mod secret;
mod sections;
mod source;
mod stages;
mod watch;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

pub use address::{AddressError, Policy, without_secrets};
pub use alerter::Alerter;
pub use cloaker::{Cloaker, Style};
pub use detector::Detector;
pub use error::{Errors, Problem};
pub use infer::{Infer, Preference, Provider};
pub use ingest::{IdleDecode, Ingest, Transport};
pub use recognizer::Recognizer;
pub use secret::Secret;
pub use sections::{Bus, Data, Format, Keys, Listen, Store, Telemetry};
use source::Sources;
pub use stages::Stages;
pub use watch::watch;

/// The documented reference: every key that runtime and stages know, with its default.
pub const DEFAULTS: &str = include_str!("../../default.toml");

/// What `cortex zones --example` prints: a zone, a line and rules, explained.
pub const ZONES_EXAMPLE: &str = include_str!("zones.example.toml");

/// A configuration file may have so many bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// What environment variables of the configuration begin with.
const PREFIX: &str = "CORTEX__";

/// The configuration in force. `defaults` has every key there is; `file` and `environment` set some of them anew.
/// `validate` says what is wrong with values that have the right type, a sentence each; a sentence begins with the
/// key in backticks (`` `store.budget_gib` must be … ``, `` `zones[1].camera` names … ``), so that its line is found.
///
/// # Errors
/// Everything that is wrong.
///
/// # Panics
/// When `defaults` is not TOML: it is ours.
pub fn load<T: DeserializeOwned>(
    defaults: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    validate: impl FnOnce(&T) -> Vec<String>,
) -> Result<T, Errors> {
    let mut sources = Sources::new(defaults);
    if let Some(path) = file {
        let text = read(path).map_err(|why| Errors::from(vec![Problem::of_file(path, why)]))?;
        sources.file(path, text);
    }
    set(&mut sources, environment);
    fit::load(&sources, validate)
}

/// As [`load`], with the file's text at hand: for tests and for fuzzing.
///
/// # Errors
/// Everything that is wrong.
pub fn load_text<T: DeserializeOwned>(
    defaults: &str,
    name: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
    validate: impl FnOnce(&T) -> Vec<String>,
) -> Result<T, Errors> {
    let mut sources = Sources::new(defaults);
    if text.len() as u64 > MAX_BYTES {
        return Err(Errors::from(vec![Problem::of_file(Path::new(name), too_large())]));
    }
    sources.file(Path::new(name), text.to_owned());
    set(&mut sources, environment);
    fit::load(&sources, validate)
}

fn set(sources: &mut Sources, environment: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in environment {
        if let Some(keys) = name.strip_prefix(PREFIX) {
            sources.variable(&name, keys, value);
        }
    }
}

/// The environment of this process.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The JSON schema of a configuration.
pub fn schema<T: schemars::JsonSchema>() -> String {
    serde_json::to_string_pretty(&schemars::schema_for!(T)).expect("a schema is a JSON value")
}

/// Where Cortex keeps what it fetches: `CORTEX_HOME`, else `~/.cache/cortex`.
#[allow(clippy::disallowed_methods)]
pub fn home() -> PathBuf {
    std::env::var_os("CORTEX_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into())).join(".cache/cortex"),
        PathBuf::from,
    )
}

/// Where Cortex keeps its own data unless it is told: `data` in `CORTEX_HOME`, else `~/.local/share/cortex`.
#[allow(clippy::disallowed_methods)]
fn data_home() -> PathBuf {
    std::env::var_os("CORTEX_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into())).join(".local/share/cortex"),
        |home| PathBuf::from(home).join("data"),
    )
}

fn too_large() -> String {
    format!("is larger than {} KiB: that is no configuration", MAX_BYTES / 1024)
}

/// A file's text, never more than [`MAX_BYTES`] of it.
fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}
