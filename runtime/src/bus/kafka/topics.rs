//! Makes topics as THE table says, and refuses a cluster on which one loses what it is given or cannot take it. What else
//! somebody set on a topic is left as it is.

use std::{
    thread,
    time::{Duration, Instant},
};

use cortex_proto::{
    Topic,
    topics::{self, Class, PARTITIONS},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
        TopicReplication,
    },
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{Metadata, MetadataTopic},
};
use tokio::runtime::Builder;
use tracing::warn;

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
/// Milliseconds after which a segment ends of pictures and of what is void soon. Nothing goes from the segment that is
/// written, which by itself ends after 7 days or 1 GiB: only with this is a retention of seconds or minutes one of minutes.
const SHORT_SEGMENT_MS: u64 = 60_000;
/// The same for batches, whose retention is a day, and for tables, where what was replaced stays as long: every process
/// reads them from their start.
const LONG_SEGMENT_MS: u64 = 3_600_000;

/// Makes the topics that are missing; answers their names. Refuses a cluster that is too old, or has topics that cannot be
/// used.
pub(super) fn apply(settings: &Settings) -> Result<Vec<String>, Error> {
    let known = metadata(settings)?;
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for topic in topics::ALL.iter().copied() {
        match known.topics().iter().find(|found| found.name() == settings.topic(topic)) {
            Some(found) => present.push((topic, found)),
            None => missing.push(topic),
        }
    }
    let admin = AdminClient::from_config_and_context(&settings.client(), Ears::quiet())
        .map_err(|error| Error::engine("start a kafka client", error))?;
    check(settings, &admin, &present)?;
    if !missing.is_empty() {
        make(settings, &admin, &missing)?;
        wait_until_led(settings, &missing)?;
    }
    Ok(missing.into_iter().map(|topic| settings.topic(topic)).collect())
}

/// Refuses topics that have another number of partitions, or settings with which they cannot be used.
fn check(
    settings: &Settings,
    admin: &AdminClient<Ears>,
    present: &[(&Topic, &MetadataTopic)],
) -> Result<(), Error> {
    for (_, found) in present {
        let (name, count) = (found.name(), found.partitions().len());
        if count != PARTITIONS as usize {
            let reason = format!(
                "topic {name} has {count} partitions and must have {PARTITIONS}: delete it, or use another prefix"
            );
            return Err(Error::engine("check the topics", reason));
        }
    }
    let asked: Vec<ResourceSpecifier<'_>> =
        present.iter().map(|(_, found)| ResourceSpecifier::Topic(found.name())).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let patience = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answered = match wait_for(admin.describe_configs(&asked, &patience)) {
        Ok(answered) => answered,
        Err(error) => {
            // While a broker is away nobody may answer this, and a process must start all the same.
            warn!(%error, "settings of topics are not checked: kafka does not tell them");
            return Ok(());
        }
    };
    // Of a topic that the login may not describe, it tells nothing.
    let told: Vec<ConfigResource> =
        answered.into_iter().flatten().filter(|told| !told.entries.is_empty()).collect();
    // A login that may only read and write is enough for everything else.
    if told.len() < present.len() {
        let topics = present.len() - told.len();
        warn!(
            topics,
            "settings of topics are not checked: let the login describe the configuration of topics"
        );
    }
    for (topic, found) in present {
        let specifier = OwnedResourceSpecifier::Topic(found.name().to_owned());
        if let Some(told) = told.iter().find(|told| told.specifier == specifier) {
            judge(settings, topic, found, told)?;
        }
    }
    Ok(())
}

/// Refuses a topic that loses what it is given, cannot take it, or keeps what is void; warns of one that forgets too soon.
fn judge(
    settings: &Settings,
    topic: &Topic,
    found: &MetadataTopic,
    told: &ConfigResource,
) -> Result<(), Error> {
    let name = found.name();
    let there =
        found.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0) as u16;
    // Of pictures and batches the leader's word is enough.
    let acknowledged = !matches!(topic.class, Class::Picture | Class::Batch);
    // Of what is void soon nothing is lost that counts.
    let lasts = topic.class != Class::Latest;
    let number = |text: &str| text.parse::<i64>().unwrap_or(i64::MAX);
    for (key, wanted) in options(topic, copies(settings, topic).min(there)) {
        let Some(value) = told.get(key).and_then(|entry| entry.value.as_deref()) else { continue };
        let (is, must) = (number(value), number(&wanted));
        let refused = match key {
            "cleanup.policy" => lasts && value != wanted,
            "max.message.bytes" => is < must,
            "min.insync.replicas" => acknowledged && (is > i64::from(there) || lasts && is < must),
            // It is read from the start.
            "segment.ms" => !lasts && is > must,
            _ => false,
        };
        if refused {
            let reason = format!(
                "topic {name} has {key} {value} and needs {wanted}: `kafka-configs --alter --entity-type topics \
                 --entity-name {name} --add-config {key}={wanted}`"
            );
            return Err(Error::engine("check the topics", reason));
        }
        // Below zero is for ever.
        if key == "retention.ms" && (0..must).contains(&is) {
            warn!(topic = name, found = is, wanted = must, "a topic forgets too soon: set its retention.ms");
        }
    }
    Ok(())
}

/// A consumer without a group, because only that lets one hear why nobody answers.
fn client(config: &ClientConfig) -> Result<BaseConsumer<Ears>, Error> {
    FromClientConfigAndContext::from_config_and_context(config, Ears::quiet())
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
        let reason = format!(
            "{} did not answer within {PATIENCE:?}: {error}{heard}: look at `bus.url`, and at `bus.user`, `bus.password`, \
             `bus.tls` and `bus.ca` where it wants a login",
            settings.brokers
        );
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
    let wanted = missing.iter().map(|topic| (topic, copies(settings, topic)));
    let wanted: Vec<(Vec<(&str, String)>, u16)> =
        wanted.map(|(topic, copies)| (options(topic, copies), copies)).collect();
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

/// The settings of a topic of so many copies that follow from its row in the table. What a cluster may have another default
/// for is said too.
fn options(topic: &Topic, copies: u16) -> Vec<(&'static str, String)> {
    let cleanup = |policy: &str| ("cleanup.policy", policy.to_owned());
    let retention = ("retention.ms", topic.retention.as_millis().to_string());
    let segment = |milliseconds: u64| ("segment.ms", milliseconds.to_string());
    let in_sync = ("min.insync.replicas", copies.saturating_sub(1).max(1).to_string());
    let mut options = vec![("max.message.bytes", MESSAGE.to_string())];
    match topic.class {
        Class::Picture | Class::Batch => {
            let ends = if topic.class == Class::Batch { LONG_SEGMENT_MS } else { SHORT_SEGMENT_MS };
            let in_sync = ("min.insync.replicas", "1".to_owned());
            options.extend([cleanup("delete"), retention, segment(ends), in_sync]);
        }
        Class::Fact => options.extend([cleanup("delete"), retention, in_sync]),
        // What is compacted too the broker deletes within seconds of its time; of all else it looks every five minutes.
        Class::Latest => {
            options.extend([cleanup("compact,delete"), retention, segment(SHORT_SEGMENT_MS), in_sync]);
        }
        Class::Table => {
            // By itself a broker compacts only once half of what lies there was not compacted yet.
            let lag = ("max.compaction.lag.ms", LONG_SEGMENT_MS.to_string());
            options.extend([cleanup("compact"), segment(LONG_SEGMENT_MS), lag, in_sync]);
        }
    }
    options
}
