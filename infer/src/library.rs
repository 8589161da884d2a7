//! ONNX Runtime, found and loaded once in a process.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cortex_runtime::config::home;
use ort::environment::Environment;

use crate::{Config, Error};

/// The loaded library. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Library(pub(crate) Arc<Environment>);

/// One environment is allowed in a process, whoever asks first.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Loads the library that the configuration names. Once it is loaded, later calls answer the same one.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return Ok(library.clone());
        }
        let path = Self::path(config);
        let failed = |reason: String| Error::Library { path: path.display().to_string(), reason };
        if !path.is_file() {
            return Err(failed("no such file".to_owned()));
        }
        let builder = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
        // Only its Windows builds send telemetry; switched off all the same.
        let environment = builder.with_name("cortex").with_telemetry(false).build();
        let library = Self(Arc::new(environment.map_err(|error| failed(error.to_string()))?));
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// Where the library is looked for.
    pub fn path(config: &Config) -> PathBuf {
        if config.library.as_os_str().is_empty() {
            home().join("onnxruntime/libonnxruntime.so")
        } else {
            Path::new(&config.library).to_owned()
        }
    }
}
