//! `fall`: somebody who was upright for a second lies within `within` seconds, and has not got up for `seconds`; in the
//! zone, or anywhere without one. Read from the joints, as `lying` is. Who sits down or bends over keeps a steep trunk
//! or steep legs; who lies down slower than `within` is left to `lying`.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Look, Memory, Moment, Rule, Sight, Stop, area, down, measure, number_or, only,
};

struct Fall {
    area: Area,
    seconds: f64,
    within: f64,
    gap_s: f64,
}

/// Seconds that somebody must have been upright before.
const UPRIGHT_S: f64 = 1.0;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds", "within"])?;
    Ok(Box::new(Fall {
        area: area(rule, zone)?,
        seconds: number_or(rule, "seconds", 1.0, 3.0)?,
        within: number_or(rule, "within", 0.5, 2.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Fall {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let down = down::look(sight, memory, self.gap_s);
        let gauge = |lain| Gauge::new("down_s", lain, self.seconds);
        if !self.area.inside(sight.foot) {
            return Look::short(gauge(0.0), Stop::Outside);
        }
        let lain = match (down.span.firm(), down.tilt) {
            (Some(lain), Some(_)) => lain,
            (_, None) => return Look::stopped(Stop::NoCue),
            (None, _) => return Look::short(gauge(0.0), down.span.stop()),
        };
        let sudden = |(took, stood): &(f64, f64)| *took <= self.within && *stood >= UPRIGHT_S;
        let Some((took, _)) = down.fell.filter(sudden) else {
            return Look::short(gauge(lain), Stop::Present);
        };
        if lain < self.seconds || !down.certain {
            return Look::short(gauge(lain), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(lain), Stop::Told);
        }
        let mut measures = vec![measure("fall_s", took, self.within)];
        measures.extend(down.tilt.map(|tilt| measure("tilt_deg", tilt, 0.0)));
        Look::fires(
            gauge(lain),
            Finding {
                why: format!(
                    "fell in {} within {took:.1} s and has not got up for {lain:.1} s",
                    self.area.name
                ),
                measures,
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                ..Finding::default()
            },
        )
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        memory.wait(now, self.gap_s.max(down::BREAK_S));
        Look::IDLE
    }
}
