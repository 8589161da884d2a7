//! The stage's own binary has what it needs and nothing else: models, and no cameras.

use cortex_runtime::testkit::Binary;

#[test]
fn only_what_the_stage_needs_is_linked() {
    let binary = Binary::read(env!("CARGO_BIN_EXE_cortex-detector"));
    assert!(!binary.has_gstreamer(), "GStreamer");
    assert!(binary.has_onnx_runtime(), "ONNX Runtime");
}
