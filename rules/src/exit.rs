//! `exit`: a track that was in the zone is seen clearly outside, and does not come back within the gap window.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Moment, Rule, Sight, Span, Stop, measure, only, polygon,
};

struct Exit {
    area: Area,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &[])?;
    Ok(Box::new(Exit { area: polygon(rule, zone)?, gap_s: f64::from(rule.gap_s) }))
}

/// The memory's number: the subject was seen outside since it was last inside.
const OUT: f32 = 1.0;

impl Rule for Exit {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let holds = self.area.holds(sight);
        let span = memory.hold(sight.now, holds, self.gap_s);
        let seen_outside = holds == Holds::No;
        self.look(span, memory, seen_outside, holds == Holds::Yes)
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let span = memory.wait(now, self.gap_s);
        self.look(span, memory, false, false)
    }
}

impl Exit {
    fn look(&self, span: Span, memory: &mut Memory, outside: bool, inside: bool) -> Look {
        let was_out = !memory.numbers.is_empty();
        if outside && !was_out && !matches!(span, Span::Idle) {
            memory.numbers = vec![OUT];
        } else if inside {
            memory.numbers = Vec::new();
        }
        let gauge = |stayed| Gauge::new("inside_s", stayed, 0.0);
        match span {
            Span::Ended(stayed, _, left) if outside || was_out => {
                memory.numbers = Vec::new();
                Look::fires(
                    gauge(stayed),
                    Finding {
                        why: format!("left {} after {stayed:.1} s", self.area.name),
                        measures: vec![measure("gap_s", self.gap_s, self.gap_s)],
                        began: left,
                        ..Finding::default()
                    },
                )
            }
            Span::Ended(stayed, ..) => Look::short(gauge(stayed), Stop::Unseen),
            Span::Gap(stayed) => Look::short(gauge(stayed), Stop::Gap),
            Span::Began => Look::short(gauge(0.0), Stop::Inside),
            Span::Holds(stayed) => Look::short(gauge(stayed), Stop::Inside),
            Span::Idle => Look::IDLE,
        }
    }
}
