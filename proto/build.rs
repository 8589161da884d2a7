//! Compiles the protobuf files with protox, so no `protoc` has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 8] = [
    "cortex/v1/common.proto",
    "cortex/v1/frame.proto",
    "cortex/v1/detection.proto",
    "cortex/v1/alert.proto",
    "cortex/v1/camera.proto",
    "cortex/v1/live.proto",
    "cortex/v1/recognition.proto",
    "cortex/v1/services.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=cortex");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .type_attribute(".", "#[derive(serde::Serialize)]")
        // Ordered, so that the same fact has the same bytes: a replay is compared with what was stored.
        .btree_map(".cortex.v1.Detections.models")
        .btree_map(".cortex.v1.Anomaly.models")
        .compile_fds(descriptors)?;
    Ok(())
}
