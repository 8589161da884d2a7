//! How a message looks on the cluster: itself as value, protobuf or an Arrow stream; its slot as key (what compaction
//! goes by); and headers: CloudEvents in binary mode, the W3C trace context, and who wrote it.

use std::{
    str::from_utf8,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use cortex_proto::Topic;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message as _, OwnedHeaders};
use tracing::warn;

use super::super::{Body, Outgoing, Record, Writer};
use crate::keys::Key;

const OWNER: &str = "cortex-owner";
const TERM: &str = "cortex-term";
const KEY: &str = "cortex-key";
const TRACE_PARENT: &str = "traceparent";
const TRACE_STATE: &str = "tracestate";

/// Tells this process's messages from those of others; with a count it is a CloudEvents id.
static PROCESS: LazyLock<String> = LazyLock::new(|| {
    let mut random = [0; 8];
    // Without randomness ids may meet those of another process; nothing but a reader's own bookkeeping goes by them.
    getrandom::fill(&mut random).ok();
    hex::encode(random)
});
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The headers of a message.
pub(super) fn headers(message: &Outgoing, writer: &Writer) -> OwnedHeaders {
    let id = format!("{}-{}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
    let source = match &writer.owner {
        Some(owner) => format!("/cortex/{owner}"),
        None => "/cortex".to_owned(),
    };
    let mut headers = OwnedHeaders::new_with_capacity(10);
    let mut add = |key: &str, value: &str| {
        let grown = std::mem::take(&mut headers).insert(Header { key, value: Some(value) });
        headers = grown;
    };
    add("ce_specversion", "1.0");
    add("ce_id", &id);
    add("ce_source", &source);
    add("ce_type", message.topic.message);
    add("content-type", message.topic.content_type());
    if let Some(trace) = &message.trace {
        let (parent, state) = trace.split_once(' ').unwrap_or((trace, ""));
        add(TRACE_PARENT, parent);
        if !state.is_empty() {
            add(TRACE_STATE, state);
        }
    }
    if let Some(owner) = &writer.owner {
        add(OWNER, owner);
        add(TERM, &writer.term.to_string());
    }
    if *message.key != *message.slot {
        add(KEY, &message.key);
    }
    headers
}

/// The value of a message; `None` when it must be sealed and cannot be.
pub(super) fn body(message: &Outgoing, key: Option<&Key>) -> Option<Bytes> {
    let clear = message.body.bytes();
    if !message.topic.is_sealed() {
        return Some(clear);
    }
    key?.seal(&clear, message.slot.as_bytes()).ok().map(Bytes::from)
}

/// The record of a message; `None` when it has no value, which nothing of ours writes, or was sealed with another key.
pub(super) fn record(
    topic: &'static Topic,
    message: &BorrowedMessage<'_>,
    key: Option<&Key>,
) -> Option<Record> {
    let payload = message.payload()?;
    let slot = message.key().and_then(|key| from_utf8(key).ok()).unwrap_or_default();
    let body = if topic.is_sealed() {
        let Some(clear) = key.and_then(|key| key.unseal(payload, slot.as_bytes()).ok()) else {
            warn!(
                topic = topic.name,
                "a message cannot be unsealed: `bus.key` must be the same in all processes"
            );
            return None;
        };
        Bytes::copy_from_slice(&clear)
    } else {
        Bytes::copy_from_slice(payload)
    };
    let body = Body::Bytes(body);
    let header = |name: &str| {
        let found = message.headers()?.iter().find(|header| header.key == name)?;
        from_utf8(found.value?).ok()
    };
    let writer = match header(OWNER) {
        Some(owner) => Writer::new(owner, header(TERM).and_then(|term| term.parse().ok()).unwrap_or(0)),
        None => Writer::ANYBODY,
    };
    // What is best effort has no place: nobody goes back to it.
    let offset = (!topic.class.newest_wins()).then_some(message.offset() as u64);
    Some(Record {
        topic,
        partition: message.partition() as u32,
        offset,
        reference: Some(message.offset() as u64),
        key: header(KEY).unwrap_or(slot).into(),
        slot: slot.into(),
        writer,
        trace: header(TRACE_PARENT).map(|parent| match header(TRACE_STATE) {
            Some(state) => format!("{parent} {state}"),
            None => parent.to_owned(),
        }),
        body,
    })
}
