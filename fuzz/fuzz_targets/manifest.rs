//! The models' manifest: any text is a manifest or an error.
#![no_main]

use cortex_models::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse(text) {
        for name in manifest.models.keys() {
            manifest.model(name).expect("a listed model is found");
        }
    }
});
