//! Makes topics as THE table says, and refuses a cluster on which one has another number of partitions. What else
//! somebody set on a topic is left as it is.

use std::{collections::BTreeSet, thread, time::Duration};

use cortex_proto::{
    Topic,
    topics::{self, Class, PARTITIONS},
};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
};
use tokio::runtime::Builder;

use super::{
    PATIENCE, Settings,
    client::{Ears, MESSAGE},
    ends,
};
use crate::bus::Error;

/// Copies of a picture or batch topic at most: one broker's loss must not end the live view, and no picture is worth more.
const PICTURE_COPIES: u16 = 2;
/// Milliseconds after which a segment of a picture topic ends, so that retention of minutes is one of minutes.
const PICTURE_SEGMENT_MS: u64 = 60_000;
/// The same for batches, whose retention is a day.
const BATCH_SEGMENT_MS: u64 = 3_600_000;

/// Makes the topics that are missing; answers their names. Refuses a cluster that is too old.
pub(super) fn apply(settings: &Settings) -> Result<Vec<String>, Error> {
    let known = metadata(settings)?;
    let present: BTreeSet<&str> = known.topics().iter().map(|topic| topic.name()).collect();
    let missing: Vec<&Topic> =
        topics::ALL.iter().filter(|topic| !present.contains(&*settings.topic(topic))).copied().collect();
    let admin = AdminClient::from_config_and_context(&settings.client(), Ears::default())
        .map_err(|error| Error::engine("start a kafka client", error))?;
    if !missing.is_empty() {
        make(settings, &admin, &missing)?;
        wait_until_led(settings, &missing)?;
    }
    check_age(settings, &admin)?;
    for topic in topics::ALL.iter().filter(|topic| !missing.contains(topic)) {
        let name = settings.topic(topic);
        let found = known.topics().iter().find(|found| found.name() == name);
        let count = found.map_or(0, |found| found.partitions().len());
        if count != PARTITIONS as usize {
            let reason = format!(
                "topic {name} has {count} partitions and must have {PARTITIONS}: delete it, or use another prefix"
            );
            return Err(Error::engine("check the topics", reason));
        }
    }
    Ok(missing.into_iter().map(|topic| settings.topic(topic)).collect())
}

/// A consumer without a group, because only that lets one hear why nobody answers.
fn client(settings: &Settings) -> Result<BaseConsumer<Ears>, Error> {
    FromClientConfigAndContext::from_config_and_context(&settings.client(), Ears::default())
        .map_err(|error| Error::engine("start a kafka client", error))
}

fn metadata(settings: &Settings) -> Result<Metadata, Error> {
    let client = client(settings)?;
    client.fetch_metadata(None, PATIENCE).map_err(|error| {
        while client.poll(Duration::ZERO).is_some() {}
        let heard = client.context().heard();
        let reason = format!("{} did not answer within {PATIENCE:?}: {error}{heard}", settings.brokers);
        Error::engine("connect to kafka", reason)
    })
}

/// A broker says at once that a topic is there, and takes nothing for a partition before it has made it, which for all of
/// them is seconds.
fn wait_until_led(settings: &Settings, made: &[&Topic]) -> Result<(), Error> {
    let mut partitions = TopicPartitionList::new();
    for topic in made {
        partitions.add_partition_range(&settings.topic(topic), 0, PARTITIONS as i32 - 1);
    }
    // A client that was told that a topic is not there believes it for long.
    let led = ends::offsets(&client(settings)?, &partitions, Offset::End, ends::YOUNG);
    led.map(drop).map_err(|error| Error::engine("wait for the topics that were made", error))
}

/// Headers and producers that repeat nothing came with Kafka 0.11; a question that came with it tells whether they are
/// there. Who may not ask it learns nothing, which is no mistake.
fn check_age(settings: &Settings, admin: &AdminClient<Ears>) -> Result<(), Error> {
    let name = settings.topic(&topics::FRAMES);
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let topic = [ResourceSpecifier::Topic(&name)];
    match wait_for(admin.describe_configs(&topic, &options)) {
        Err(KafkaError::AdminOp(RDKafkaErrorCode::UnsupportedFeature)) => {
            let reason = format!("{} is too old: Kafka 2.3 or newer is needed", settings.brokers);
            Err(Error::engine("use the cluster", reason))
        }
        _ => Ok(()),
    }
}

/// Waits for an answer. The caller may stand on a thread of a runtime already, which must not be blocked on another.
fn wait_for<T: Send>(answer: impl Future<Output = Result<T, KafkaError>> + Send) -> Result<T, KafkaError> {
    thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.map_err(|_| KafkaError::Canceled)?.block_on(answer)
        });
        work.join().unwrap_or(Err(KafkaError::Canceled))
    })
}

fn make(settings: &Settings, admin: &AdminClient<Ears>, missing: &[&Topic]) -> Result<(), Error> {
    let names: Vec<String> = missing.iter().map(|topic| settings.topic(topic)).collect();
    let wanted: Vec<(Vec<(&str, String)>, u16)> =
        missing.iter().map(|topic| (options(settings, topic), copies(settings, topic))).collect();
    let new: Vec<NewTopic<'_>> = names
        .iter()
        .zip(&wanted)
        .map(|(name, (options, copies))| {
            let replication = TopicReplication::Fixed(i32::from(*copies));
            let topic = NewTopic::new(name, PARTITIONS as i32, replication);
            options.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let options =
        AdminOptions::new().operation_timeout(Some(PATIENCE * 6)).request_timeout(Some(PATIENCE * 6));
    let made = wait_for(admin.create_topics(&new, &options)).map_err(|error| error.to_string());
    let refused = |reason: String| {
        let hint = "make them with `cortex topics apply` and a login that may, or set `bus.replication`";
        Error::engine("make the topics", format!("{reason}: {hint}"))
    };
    for topic in made.map_err(refused)? {
        match topic {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(refused(format!("{name}: {code}"))),
        }
    }
    Ok(())
}

fn copies(settings: &Settings, topic: &Topic) -> u16 {
    match topic.class {
        Class::Picture | Class::Batch => settings.replication.min(PICTURE_COPIES),
        Class::Fact | Class::Latest | Class::Table => settings.replication,
    }
}

/// The settings of a topic that follow from its row in the table.
fn options(settings: &Settings, topic: &Topic) -> Vec<(&'static str, String)> {
    let retention = topic.retention.as_millis().to_string();
    let in_sync = settings.replication.saturating_sub(1).max(1).to_string();
    let mut options = vec![("max.message.bytes", MESSAGE.to_string())];
    match topic.class {
        Class::Picture | Class::Batch => {
            let segment = if topic.class == Class::Batch { BATCH_SEGMENT_MS } else { PICTURE_SEGMENT_MS };
            options.extend([
                ("retention.ms", retention),
                ("segment.ms", segment.to_string()),
                ("min.insync.replicas", "1".to_owned()),
            ]);
        }
        Class::Fact => options.extend([("retention.ms", retention), ("min.insync.replicas", in_sync)]),
        Class::Latest => options.extend([
            ("cleanup.policy", "compact,delete".to_owned()),
            ("retention.ms", retention),
            ("min.insync.replicas", in_sync),
        ]),
        Class::Table => {
            options.extend([("cleanup.policy", "compact".to_owned()), ("min.insync.replicas", in_sync)]);
        }
    }
    options
}
