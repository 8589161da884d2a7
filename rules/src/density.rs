//! `density`: people stand closer in the zone than `per_m2` to a square metre, for `seconds`. The zone's area is that
//! on the ground; without calibration it is measured in heights of the people seen there. At least `count` must be
//! there, so that two who meet in a small zone are no crush.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Rule, Scene, Stop, measure, number, number_or, only, polygon,
};

struct Density {
    area: Area,
    per_m2: f64,
    count: f64,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["per_m2", "count", "seconds"])?;
    Ok(Box::new(Density {
        area: polygon(rule, zone)?,
        per_m2: number(rule, "per_m2", 0.01)?,
        count: number_or(rule, "count", 1.0, 4.0)?,
        seconds: number_or(rule, "seconds", 0.0, 2.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Density {
    fn scene(&self, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let scale = scene.scale;
        let inside = || scene.sights.iter().filter(|sight| self.area.inside(sight.foot));
        let count = inside().count() as f64;
        let own = inside().map(|sight| sight.height).fold(0.0, f32::max);
        let polygon = self.area.polygon.as_deref().unwrap_or_default();
        let area = if count > 0.0 { scale.area(polygon, own) } else { Some(f64::INFINITY) };
        let Some(area) = area else { return Look::stopped(Stop::NoGround) };
        let threshold = self.per_m2 / (scale.metre() * scale.metre());
        let name = scale.either("per_m2", "per_height2");
        let gauge = Gauge::new(name, count / area.max(1e-6), threshold);
        let enough = count >= self.count && gauge.value >= threshold;
        let span = memory.hold(scene.now, Holds::is(enough), self.gap_s);
        let held = match span.firm() {
            Some(held) if held >= self.seconds => held,
            _ => return Look::short(gauge, span.stop()),
        };
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        let unit = scale.either("m²", "square heights");
        Look::fires(
            gauge,
            Finding {
                why: format!("{count} are in {} of {area:.0} {unit} for {held:.1} s", self.area.name),
                measures: vec![
                    measure("count", count, self.count),
                    measure("held_s", held, self.seconds),
                    measure(scale.either("area_m2", "area_heights2"), area, 0.0),
                ],
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }
}
