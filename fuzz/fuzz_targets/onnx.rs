//! The walk over an ONNX file before ONNX Runtime sees it: it ends, in memory that fits the file.
#![no_main]

use cortex_infer::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(refused) = check::check(bytes) {
        assert!(!refused.to_string().is_empty(), "a refusal says why");
    }
});
