//! Configuration.

use std::path::PathBuf;

/// Where Cortex keeps what it fetches: `CORTEX_HOME`, else `~/.cache/cortex`.
#[allow(clippy::disallowed_methods)]
pub fn home() -> PathBuf {
    std::env::var_os("CORTEX_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into())).join(".cache/cortex"),
        PathBuf::from,
    )
}
