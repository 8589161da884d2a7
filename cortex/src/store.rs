//! The store's schema.

use cortex_runtime::store::Cql;

use crate::{config::Config, print};

/// Makes the keyspace and its tables, or brings them to this version.
pub(crate) fn migrate(config: &Config) -> anyhow::Result<()> {
    if !config.store.is_cql() {
        print::line("an embedded store makes its tables when it is opened: there is nothing to migrate");
        return Ok(());
    }
    let made = Cql::migrate(&config.store)?;
    let last = made.iter().map(|version| format!(" {version}")).collect::<String>();
    print::line(&if made.is_empty() {
        "the store is of this version already".to_owned()
    } else {
        format!("the store is of this version now, made:{last}")
    });
    Ok(())
}
