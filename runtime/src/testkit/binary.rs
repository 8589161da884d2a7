//! What is in a binary that was built.

use std::{fs, path::Path, process::Command};

/// A binary, with the shared libraries that its loader looks for.
pub struct Binary {
    bytes: Vec<u8>,
    libraries: Vec<String>,
}

impl Binary {
    /// Reads one. `readelf` is there wherever binaries are linked.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Self {
        let bytes = fs::read(&path).expect("the binary was built");
        let output =
            Command::new("readelf").arg("--dynamic").arg(path.as_ref()).output().expect("run readelf");
        let text = String::from_utf8_lossy(&output.stdout);
        let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
        let names = needed.filter_map(|line| line.split(['[', ']']).nth(1)).map(str::to_owned);
        let libraries: Vec<String> = names.collect();
        assert!(libraries.iter().any(|name| name.starts_with("libc.so")), "not read: {text}");
        Self { bytes, libraries }
    }

    /// Whether it is linked with a library of GStreamer, or with GLib.
    pub fn has_gstreamer(&self) -> bool {
        self.libraries.iter().any(|name| name.starts_with("libgst") || name.starts_with("libglib"))
    }

    /// Whether it loads ONNX Runtime: that is found by path when it runs, and has one entry of this name.
    pub fn has_onnx_runtime(&self) -> bool {
        let entry = b"OrtGetApiBase";
        self.bytes.windows(entry.len()).any(|bytes| bytes == entry)
    }
}
