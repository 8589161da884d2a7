//! Traces: through which stages a frame, or an act of a person, went, and how long each took.
//!
//! What a process publishes of its own accord begins a trace, and whatever comes of it carries the trace on, drawn or not.
//! One that is drawn is told span by span. One that is not carries what was done so far; the stage that finds something in
//! it that people are told, or that cannot be worked on, tells of that too, and the trace is drawn from there on. So
//! every alert has its whole trace, up to its delivery to the first subscriber of each process that has some, and frames
//! in which nothing happens cost a header.
//!
//! A span says its stage, topic and how many inputs were taken at once, and never what they were.

mod passed;
mod spans;

use std::time::SystemTime;

use cortex_proto::{
    Topic,
    topics::{ALERTS, ANOMALIES, Class, DEAD, IDENTITIES, Key},
};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

use self::passed::{Hop, Passed};
pub(super) use self::spans::Spans;
use crate::bus::Record;

/// Work on one input; it ends when this is dropped.
pub(crate) struct Work(Option<Open>);

struct Open {
    trace: TraceId,
    parent: SpanId,
    hop: Hop,
    /// It is told.
    drawn: bool,
    /// What was done before, of a trace that was not drawn until then.
    before: Vec<Hop>,
}

impl Work {
    /// Nothing led to it.
    pub(crate) const NONE: Self = Self(None);

    /// A process publishes to a topic what nothing led to. Tables, status and demand tell of no event.
    pub(crate) fn begin(topic: &'static Topic) -> Self {
        if !matches!(topic.class, Class::Picture | Class::Fact) || topic.key == Key::Writer {
            return Self(None);
        }
        let trace = RandomIdGenerator::default().new_trace_id();
        let stage = topic.writers.first().copied().unwrap_or_default();
        Self(Some(Open {
            trace,
            parent: SpanId::INVALID,
            hop: Hop::begin(stage, topic, SystemTime::now(), 1),
            drawn: spans::draws(trace) || is_told(topic),
            before: Vec::new(),
        }))
    }

    /// A stage took an input that carries this, `since` then, with as many others as make a batch of this size.
    pub(crate) fn go_on(
        stage: &'static str,
        topic: &'static Topic,
        carried: Option<&str>,
        since: SystemTime,
        batch: usize,
    ) -> Self {
        let Some(Passed { trace, span, drawn, hops }) = carried.and_then(Passed::parse) else {
            return Self(None);
        };
        let hop = Hop::begin(stage, topic, since, batch);
        Self(Some(Open { trace, parent: span, hop, drawn, before: hops }))
    }

    /// What came of it goes to these topics: where people are told of it, the trace is drawn, from its beginning.
    pub(crate) fn led_to(&mut self, topics: impl IntoIterator<Item = &'static Topic>) {
        let told = topics.into_iter().any(is_told);
        let Some(open) = self.0.as_mut().filter(|open| told && !open.drawn) else { return };
        open.drawn = true;
        let mut parent = SpanId::INVALID;
        for hop in std::mem::take(&mut open.before) {
            spans::tell(open.trace, parent, hop.stage, &hop);
            parent = hop.span;
        }
    }

    /// What its messages carry; `None` when it is no event.
    pub(crate) fn carries(&self) -> Option<String> {
        let open = self.0.as_ref()?;
        let hops = match open.drawn {
            true => Vec::new(),
            false => open.before.iter().cloned().chain([open.hop.ended(SystemTime::now())]).collect(),
        };
        Some(Passed { trace: open.trace, span: open.hop.span, drawn: open.drawn, hops }.to_string())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(open) = self.0.take().filter(|open| open.drawn) {
            spans::tell(open.trace, open.parent, open.hop.stage, &open.hop.ended(SystemTime::now()));
        }
    }
}

/// An alert on its way to a subscriber, as part of its trace. It is there when this is dropped.
#[derive(Debug)]
pub struct Delivery {
    trace: TraceId,
    parent: SpanId,
    hop: Hop,
}

impl Delivery {
    /// It came from the bus just now. `None` when its trace is not drawn.
    pub fn begin(alert: &Record) -> Option<Self> {
        let Passed { trace, span, .. } =
            Passed::parse(alert.trace.as_deref()?).filter(|passed| passed.drawn)?;
        let stage = alert.topic.writers.first().copied().unwrap_or_default();
        Some(Self { trace, parent: span, hop: Hop::begin(stage, alert.topic, SystemTime::now(), 1) })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        spans::tell(self.trace, self.parent, "delivery", &self.hop.ended(SystemTime::now()));
    }
}

/// People are told of what is published there, or must look into it.
fn is_told(topic: &Topic) -> bool {
    [&ANOMALIES, &IDENTITIES, &ALERTS, &DEAD].iter().any(|told| told.noun == topic.noun)
}
