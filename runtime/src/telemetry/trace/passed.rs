//! What a message carries of its trace: W3C `traceparent`, and for one that is not drawn what was done so far, in
//! `tracestate`.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use cortex_proto::{Topic, topics};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// A trace on its way from stage to stage. As text: `traceparent`, and behind a space `tracestate` where there are hops.
#[derive(Debug, PartialEq)]
pub(super) struct Passed {
    pub(super) trace: TraceId,
    /// The span that led to the message.
    pub(super) span: SpanId,
    pub(super) drawn: bool,
    /// What was done so far, each the parent of the next; empty when it is drawn.
    pub(super) hops: Vec<Hop>,
}

/// What one stage did.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hop {
    pub(super) stage: &'static str,
    pub(super) topic: &'static Topic,
    pub(super) span: SpanId,
    pub(super) since: SystemTime,
    pub(super) took: Duration,
    /// Inputs that were taken at once.
    pub(super) batch: usize,
}

/// A frame's way is shorter; a member of `tracestate` has 256 characters at most.
const MOST: usize = 3;
/// Our member of `tracestate`.
const MEMBER: &str = "cortex=";

impl Passed {
    /// `None` when there is no `traceparent` of version 00 in it. A state that is not ours, or is damaged, says nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (parent, state) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = parent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let drawn = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        let well_formed = version == "00" && trace.len() == 32 && span.len() == 16 && parts.next().is_none();
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let valid = well_formed && trace != TraceId::INVALID && span != SpanId::INVALID;
        let member = state.split(',').find_map(|member| member.trim().strip_prefix(MEMBER));
        let hops: Option<Vec<Hop>> =
            member.and_then(|hops| hops.split('~').take(MOST).map(Hop::parse).collect());
        valid.then(|| Self { trace, span, drawn, hops: hops.filter(|_| !drawn).unwrap_or_default() })
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "00-{}-{}-0{}", self.trace, self.span, u8::from(self.drawn))?;
        for (place, hop) in self.hops.iter().skip(self.hops.len().saturating_sub(MOST)).enumerate() {
            to.write_str(if place == 0 { " cortex=" } else { "~" })?;
            let since_us = hop.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
            let took_us = hop.took.as_micros();
            write!(to, "{}:{}:{}:{since_us}:{took_us}:{}", hop.stage, hop.topic.noun, hop.span, hop.batch)?;
        }
        Ok(())
    }
}

impl Hop {
    pub(super) fn begin(stage: &'static str, topic: &'static Topic, since: SystemTime, batch: usize) -> Self {
        let span = RandomIdGenerator::default().new_span_id();
        Self { stage, topic, span, since, took: Duration::ZERO, batch }
    }

    pub(super) fn ended(&self, now: SystemTime) -> Self {
        Self { took: now.duration_since(self.since).unwrap_or_default(), ..self.clone() }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (stage, topic, span) = (parts.next()?, topics::find(parts.next()?)?, parts.next()?);
        // Nobody outside makes names of services.
        let stage = topics::ALL.iter().flat_map(|topic| topic.writers).find(|known| **known == stage)?;
        let span = SpanId::from_hex(span).ok()?;
        let mut number = || parts.next()?.parse::<u64>().ok();
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(number()?))?;
        let (took, batch) = (Duration::from_micros(number()?), usize::try_from(number()?).ok()?);
        Some(Self { stage, topic, span, since, took, batch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let read = Passed::parse(&format!("{PARENT}-01")).unwrap();
        assert_eq!(read.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(read.drawn && !Passed::parse(&format!("{PARENT}-00")).unwrap().drawn);
        for bad in [
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7-b7ad-01",
            "",
        ] {
            assert!(Passed::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_was_done_is_passed_on_and_what_is_foreign_or_damaged_is_not() {
        let at = |us| SystemTime::UNIX_EPOCH + Duration::from_micros(us);
        let hop = Hop::begin("ingest", &topics::FRAMES, at(1_700_000_000_000_000), 1)
            .ended(at(1_700_000_000_000_250));
        let next = Hop::begin("detector", &topics::FRAMES, at(1_700_000_000_100_000), 4);
        let trace = TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap();
        let mut passed = Passed { trace, span: next.span, drawn: false, hops: vec![hop.clone(), next] };
        let text = passed.to_string();
        assert_eq!(Passed::parse(&text).unwrap(), passed);
        assert!(text.split(' ').all(|header| header.len() <= 256 + MEMBER.len()), "{text}");
        assert_eq!(Passed::parse(&text.replace(" cortex", " other=a:b, cortex")).unwrap(), passed);
        passed.hops = vec![hop; 9];
        assert_eq!(Passed::parse(&passed.to_string()).unwrap().hops.len(), MOST);
        for damaged in
            [text.replace("frames", "nothing"), text.replace("ingest", "nobody"), text.replace(":250:", "::")]
        {
            let read = Passed::parse(&damaged).unwrap();
            assert!(read.trace == trace && read.hops.is_empty(), "{damaged}");
        }
    }
}
