//! `lying`: somebody lies for `seconds`, wherever they came from; in the zone, or anywhere without one. Read from the
//! joints: trunk and legs are level. Who bends over, kneels or crawls has steep legs and does not lie; who lies along
//! the camera's line of sight looks upright and is missed.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Look, Memory, Moment, Rule, Sight, Stop, area, down, measure, number_or, only,
};

struct Lying {
    area: Area,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds"])?;
    Ok(Box::new(Lying {
        area: area(rule, zone)?,
        seconds: number_or(rule, "seconds", 1.0, 10.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Lying {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let down = down::look(sight, memory, self.gap_s);
        let gauge = |lain| Gauge::new("lying_s", lain, self.seconds);
        if !self.area.inside(sight.foot) {
            return Look::short(gauge(0.0), Stop::Outside);
        }
        let lain = match (down.span.firm(), down.tilt) {
            (Some(lain), Some(_)) => lain,
            (_, None) => return Look::stopped(Stop::NoCue),
            (None, _) => return Look::short(gauge(0.0), down.span.stop()),
        };
        if lain < self.seconds || !down.certain {
            return Look::short(gauge(lain), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(lain), Stop::Told);
        }
        Look::fires(
            gauge(lain),
            Finding {
                why: format!("lies in {} for {lain:.1} s", self.area.name),
                measures: down.tilt.map(|tilt| measure("tilt_deg", tilt, 0.0)).into_iter().collect(),
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
