//! The audit, read where it lies: the running system is not asked to judge itself.

use anyhow::bail;
use cortex_runtime::{audit, store};

use crate::{config::Config, print};

/// Walks every chain.
pub(crate) fn verify(config: &Config) -> anyhow::Result<()> {
    let path = config.store.path(&config.data);
    if !config.store.is_cql() && !path.is_file() {
        bail!("there is no store {}: has Cortex run with this configuration?", path.display());
    }
    let store = store::open(&config.store, &config.data)?;
    let writers = audit::writers(&*store)?;
    if writers.is_empty() {
        print::line("nothing was audited yet");
    }
    for writer in writers {
        let chain = audit::verify(&*store, &writer)?;
        print::line(&format!("{writer}: {} links, whole; the last is {}", chain.links, chain.head));
    }
    Ok(())
}
