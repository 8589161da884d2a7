//! Makes topics as THE table says, and refuses a cluster on which one has another number of partitions. What else
//! somebody set on a topic is left as it is.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use cortex_proto::{
    Topic,
    topics::{self, Class, PARTITIONS},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
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

/// Version of the request to join a group from which on members keep their place (KIP-345): of Kafka 2.3.
const STATIC: i16 = 5;
/// What a client has logged is heard in this time.
const HEARING: Duration = Duration::from_secs(1);
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
fn client(config: &ClientConfig) -> Result<BaseConsumer<Ears>, Error> {
    FromClientConfigAndContext::from_config_and_context(config, Ears::default())
        .map_err(|error| Error::engine("start a kafka client", error))
}

/// What there is on the cluster, unless its brokers cannot keep a member's place in a group while it is started again.
fn metadata(settings: &Settings) -> Result<Metadata, Error> {
    let mut config = settings.client();
    // Only in its log does the client say what brokers can do.
    config.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
    let client = client(&config)?;
    let known = client.fetch_metadata(None, PATIENCE);
    let ears = client.context();
    let patience = Instant::now() + HEARING;
    while (known.is_err() || ears.joins().is_none()) && Instant::now() < patience {
        client.poll(HEARING / 100);
    }
    let known = known.map_err(|error| {
        let heard = ears.heard();
        let reason = format!("{} did not answer within {PATIENCE:?}: {error}{heard}", settings.brokers);
        Error::engine("connect to kafka", reason)
    })?;
    if ears.joins() < Some(STATIC) {
        let reason = format!("{} is too old: Kafka 2.3 or newer is needed", settings.brokers);
        return Err(Error::engine("use the cluster", reason));
    }
    Ok(known)
}

/// A broker says at once that a topic is there, and takes nothing for a partition before it has made it, which for all of
/// them is seconds.
fn wait_until_led(settings: &Settings, made: &[&Topic]) -> Result<(), Error> {
    let mut partitions = TopicPartitionList::new();
    for topic in made {
        partitions.add_partition_range(&settings.topic(topic), 0, PARTITIONS as i32 - 1);
    }
    // A client that was told that a topic is not there believes it for long.
    let led = ends::offsets(&client(&settings.client())?, &partitions, Offset::End, ends::YOUNG);
    led.map(drop).map_err(|error| Error::engine("wait for the topics that were made", error))
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
