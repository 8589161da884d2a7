//! `congestion`: `count` tracks or more in the zone move slower than `speed` metres a second, for `seconds`. Who stands
//! there for another reason counts too, so the count is what makes it a congestion.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Rule, Scene, Stop, area, measure, number, number_or, only,
};

struct Congestion {
    area: Area,
    count: f64,
    speed: f64,
    seconds: f64,
    gap_s: f64,
}

/// Seconds over which the speed is taken.
const WINDOW: f64 = 1.5;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["count", "speed", "seconds"])?;
    Ok(Box::new(Congestion {
        area: area(rule, zone)?,
        count: number(rule, "count", 2.0)?,
        speed: number_or(rule, "speed", 0.05, 0.4)?,
        seconds: number_or(rule, "seconds", 0.0, 10.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Congestion {
    fn scene(&self, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let limit = self.speed * scene.scale.metre();
        let (mut slow, mut sum, mut known) = (0.0, 0.0, 0.0);
        for sight in scene.sights.iter().filter(|sight| self.area.inside(sight.foot)) {
            let Some(travel) = sight.travel(WINDOW) else { continue };
            known += 1.0;
            sum += travel.speed();
            slow += if travel.speed() < limit { 1.0 } else { 0.0 };
        }
        let gauge = Gauge::new("slow", slow, self.count);
        // Many who stand and as many who pass are no congestion.
        let holds = Holds::is(slow >= self.count && slow >= 0.7 * known);
        let span = memory.hold(scene.now, holds, self.gap_s);
        let held = match span.firm() {
            Some(held) if held >= self.seconds => held,
            _ => return Look::short(gauge, span.stop()),
        };
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        let name = scene.scale.either("mean_speed_mps", "mean_speed_heights_s");
        Look::fires(
            gauge,
            Finding {
                why: format!("{slow} of {known} in {} hardly move for {held:.1} s", self.area.name),
                measures: vec![
                    measure(name, sum / f64::max(known, 1.0), limit),
                    measure("held_s", held, self.seconds),
                ],
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }
}
