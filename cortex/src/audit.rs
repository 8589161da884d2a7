//! The audit, read where it lies: the running system is not asked to judge itself.

use anyhow::{Context as _, bail};
use cortex_runtime::{audit, store::Sqlite};

use crate::{config::Config, print};

/// Walks every chain.
pub(crate) fn verify(config: &Config) -> anyhow::Result<()> {
    let path = config.store.path(&config.data);
    if !path.is_file() {
        bail!("there is no store {}: has Cortex run with this configuration?", path.display());
    }
    let store = Sqlite::open(Some(&path), config.store.retention())
        .with_context(|| format!("open {}", path.display()))?;
    let writers = audit::writers(&store)?;
    if writers.is_empty() {
        print::line("nothing was audited yet");
    }
    for writer in writers {
        let chain = audit::verify(&store, &writer)?;
        print::line(&format!("{writer}: {} links, whole; the last is {}", chain.links, chain.head));
    }
    Ok(())
}
