//! `hands_up`: somebody holds both hands above the head for `seconds`; in the zone, or anywhere without one. Read from
//! the joints: both wrists above nose and eyes. Who waves with one hand, or whose hands or head are not seen, does not.

use cortex_proto::v1;

use super::{
    Area, Body, Finding, Gauge, Holds, Look, Memory, Moment, Rule, Sight, Stop, area, down, number_or, only,
};

struct HandsUp {
    area: Area,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds"])?;
    Ok(Box::new(HandsUp {
        area: area(rule, zone)?,
        seconds: number_or(rule, "seconds", 0.5, 2.0)?,
        gap_s: f64::from(rule.gap_s).max(down::BREAK_S),
    }))
}

impl Rule for HandsUp {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let up = Body::of(sight.object, f64::from(sight.scale.aspect())).map(|body| body.hands_up());
        let span = match up.flatten() {
            Some(up) => memory.hold(sight.now, Holds::is(up && self.area.inside(sight.foot)), self.gap_s),
            None => memory.wait(sight.now, self.gap_s),
        };
        let gauge = |held| Gauge::new("hands_up_s", held, self.seconds);
        let held = match span.firm() {
            Some(held) => held,
            None if up.is_none() => return Look::stopped(Stop::NoCue),
            None if !self.area.inside(sight.foot) => return Look::short(gauge(0.0), Stop::Outside),
            None => return Look::short(gauge(0.0), span.stop()),
        };
        if held < self.seconds {
            return Look::short(gauge(held), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(held), Stop::Told);
        }
        Look::fires(
            gauge(held),
            Finding {
                why: format!("holds both hands up in {} for {held:.1} s", self.area.name),
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                ..Finding::default()
            },
        )
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        memory.wait(now, self.gap_s);
        Look::IDLE
    }
}
