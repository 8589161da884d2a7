//! `crowd`: `count` tracks or more are in the zone, or in the whole picture without one, for `seconds`. Told once
//! until it has dispersed.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Rule, Scene, Stop, area, measure, number, number_or, only,
};

struct Crowd {
    area: Area,
    count: f64,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["count", "seconds"])?;
    Ok(Box::new(Crowd {
        area: area(rule, zone)?,
        count: number(rule, "count", 2.0)?,
        seconds: number_or(rule, "seconds", 0.0, 0.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Crowd {
    fn scene(&self, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let count = scene.sights.iter().filter(|sight| self.area.inside(sight.foot)).count() as f64;
        let gauge = Gauge::new("count", count, self.count);
        let span = memory.hold(scene.now, Holds::is(count >= self.count), self.gap_s);
        let held = match span.firm() {
            Some(held) if held >= self.seconds => held,
            Some(_) => return Look::short(gauge, Stop::NotEnough),
            None => return Look::short(gauge, span.stop()),
        };
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        Look::fires(
            gauge,
            Finding {
                why: format!(
                    "{count} are in {} for {held:.1} s, {} make a crowd",
                    self.area.name, self.count
                ),
                measures: vec![measure("held_s", held, self.seconds)],
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                ..Finding::default()
            },
        )
    }
}
