//! Stills that users upload: any bytes are a picture within the limits or an error.
#![no_main]

use cortex_runtime::still::{self, Limits};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { bytes: 1 << 20, pixels: 1 << 20 };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = still::decode(bytes, LIMITS) {
        assert!((picture.width() * picture.height()) as u64 <= LIMITS.pixels, "the limit holds");
        still::encode(&picture, 80);
    }
});
