//! pyarrow, polars and DuckDB, as analysts use them.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// The block of Python that the README shows.
pub fn readme() -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let blocks: Vec<&str> = text.split("```python\n").skip(1).collect();
    assert_eq!(blocks.len(), 1, "one block of the README is Python");
    blocks[0].split("```").next().unwrap().to_owned()
}

/// Runs Python in this folder; answers the last line it prints, as JSON.
pub fn python(folder: &Path, code: &str) -> Value {
    let packages = cortex_runtime::config::home().join("readers");
    assert!(packages.is_dir(), "{} is missing: `scripts/setup.sh --test` fetches it", packages.display());
    let output = Command::new("python3")
        .args(["-c", code])
        .current_dir(folder)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{out}{err}"))
}
