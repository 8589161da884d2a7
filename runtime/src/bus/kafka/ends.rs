//! Where partitions begin and end at this moment, and where they were at another.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::PATIENCE;

/// A broker that has just been asked for a thousand partitions takes a while to have them all.
pub(super) const YOUNG: Duration = Duration::from_secs(60);
/// Between two tries while a topic is young.
const AGAIN: Duration = Duration::from_millis(200);

/// The first ([`Offset::Beginning`]) or the next ([`Offset::End`]) offset of every partition in a list, or the first from a
/// moment on ([`Offset::Offset`], in milliseconds since 1970), where there is any. Partitions that have no leader are waited
/// for as long as `patience`.
pub(super) fn offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    list: &TopicPartitionList,
    which: Offset,
    patience: Duration,
) -> Result<HashMap<(String, i32), i64>, KafkaError> {
    let deadline = Instant::now() + patience;
    loop {
        match ask(consumer, list, which, patience.min(PATIENCE)) {
            Err(error) if is_young(&error) && Instant::now() < deadline => thread::park_timeout(AGAIN),
            answered => return answered,
        }
    }
}

/// Whether a topic was made a moment ago, so that not every partition has its leader yet.
fn is_young(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
        )
    )
}

fn ask<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    list: &TopicPartitionList,
    which: Offset,
    limit: Duration,
) -> Result<HashMap<(String, i32), i64>, KafkaError> {
    let mut asked = list.clone();
    // The question is asked by time; the two ends have times of their own, which are the numbers of these offsets.
    asked.set_all_offsets(which)?;
    let mut found = HashMap::with_capacity(asked.count());
    for element in consumer.offsets_for_times(asked, limit)?.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            found.insert((element.topic().to_owned(), element.partition()), offset);
        }
    }
    Ok(found)
}
