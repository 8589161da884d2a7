//! `cortex topics`: THE table, and the same on a cluster.

use anyhow::Context as _;
use cortex_proto::topics;
use cortex_runtime::bus::kafka::Kafka;

use crate::{cli::Topics, config::Config, print};

/// Prints the table, or makes the topics that are missing.
pub(crate) fn run(config: &Config, command: Option<&Topics>) -> anyhow::Result<()> {
    match command {
        None => {
            for topic in topics::ALL {
                let row =
                    format!("{:<26} {:?} {:?} {:?}", topic.name, topic.class, topic.key, topic.retention);
                print::line(&row);
            }
        }
        Some(Topics::Apply) => {
            let settings =
                config.bus.kafka().context("`bus.url` names no cluster: set it to kafka://host:9092")?;
            let made = Kafka::apply(&settings)?;
            made.iter().for_each(|name| print::line(&format!("made {name}")));
            print::line(&format!("{} topics are as they must be", topics::ALL.len()));
        }
    }
    Ok(())
}
