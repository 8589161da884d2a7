//! The engines that the configuration names.

use std::sync::Arc;

use anyhow::bail;
use cortex_runtime::{
    bus::{Bus, Embedded, Full, kafka::Kafka},
    store::{self, Store},
};

use crate::Config;

/// What carries and what keeps.
pub(crate) struct Engines {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Arc<dyn Store>,
    /// The bus once more when it is the embedded one, which forgets only when it is told to.
    pub(crate) embedded: Option<Embedded>,
}

impl Engines {
    /// Opens both.
    ///
    /// # Errors
    /// An engine cannot be reached, or a stage by itself is to run on one that no other process reaches.
    pub(crate) fn open(config: &Config, alone: bool) -> anyhow::Result<Self> {
        let (kafka, shared) = (config.bus.kafka(), config.store.is_cql());
        if alone && (kafka.is_none() || !shared) {
            bail!(
                "a stage by itself shares bus and store with the others: set `bus.url` to kafka://host:9092 and \
                 `store.url` to scylla://host:9042/keyspace"
            );
        }
        if kafka.is_some() != shared {
            bail!("`bus.url` and `store.url` are both of this machine, or both of a fleet");
        }
        let (bus, embedded): (Arc<dyn Bus>, _) = match kafka {
            Some(settings) => (Arc::new(Kafka::open(settings)?), None),
            None => {
                let bus = Embedded::open(Some(&config.bus.path(&config.data)), Full::Shed)?;
                (Arc::new(bus.clone()), Some(bus))
            }
        };
        let store = store::open(&config.store, &config.data)?;
        Ok(Self { bus, store, embedded })
    }
}
