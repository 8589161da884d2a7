//! Traces: through which stages a frame, or an act of a person, went, and how long each took.
//!
//! What a process publishes of its own accord begins a trace, if it is drawn; whatever comes of it carries the trace in
//! its `traceparent`. A span says its stage, topic and how many inputs were taken at once, and never what they were.

use std::{sync::OnceLock, time::SystemTime};

use cortex_proto::{
    Topic,
    topics::{Class, Key},
};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    },
};
use opentelemetry_sdk::trace::{SdkTracer, Span};

/// The tracer of this process, when there is a collector.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Every attribute that a span may have.
const TOPIC: &str = "cortex.topic";
const BATCH: &str = "cortex.batch.size";

/// Work on one input that is traced; it ends when this is dropped.
pub(crate) struct Work(Option<Span>);

/// Traces go here from now on; the first one stays.
pub(super) fn to(tracer: SdkTracer) {
    TRACER.set(tracer).ok();
}

impl Work {
    /// A process publishes to a topic what nothing led to. Tables, status and demand tell of no event.
    pub(crate) fn begin(topic: &'static Topic) -> Self {
        let event = matches!(topic.class, Class::Picture | Class::Fact) && topic.key != Key::Writer;
        let Some(tracer) = TRACER.get().filter(|_| event) else { return Self(None) };
        let stage = topic.writers.first().copied().unwrap_or_default();
        let builder = SpanBuilder::from_name(stage).with_attributes([KeyValue::new(TOPIC, topic.noun)]);
        Self(Some(tracer.build_with_context(builder, &Context::new())))
    }

    /// A stage took an input with this `traceparent`, `since` then, with as many others as make a batch of this size.
    pub(crate) fn go_on(
        stage: &'static str,
        topic: &'static Topic,
        traceparent: Option<&str>,
        since: SystemTime,
        batch: usize,
    ) -> Self {
        let Some((tracer, parent)) = TRACER.get().zip(traceparent.and_then(parse)) else { return Self(None) };
        let attributes = [KeyValue::new(TOPIC, topic.noun), KeyValue::new(BATCH, batch as i64)];
        let builder = SpanBuilder::from_name(stage).with_start_time(since).with_attributes(attributes);
        let parent = Context::new().with_remote_span_context(parent);
        Self(Some(tracer.build_with_context(builder, &parent)))
    }

    /// What its messages carry; `None` when it is not traced.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let context = self.0.as_ref()?.span_context();
        context.is_sampled().then(|| format!("00-{}-{}-01", context.trace_id(), context.span_id()))
    }
}

/// A W3C `traceparent` of version 00; `None` when it is none or not sampled.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    let well_formed = version == "00" && trace.len() == 32 && span.len() == 16 && parts.next().is_none();
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    (well_formed && sampled && context.is_valid()).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parse(good).unwrap();
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7-b7ad-01",
            "",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
