//! `removed`: something that belonged to the scene is gone for `seconds`; in the zone. Reads what changed in the scene;
//! what was covered all the time since the camera looked first was never seen and is not missed.

use cortex_proto::v1;

use super::{Area, Finding, Gauge, Holds, Look, Memory, Point, Rule, Scene, Stop, number_or, only, polygon};

struct Removed {
    area: Area,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds"])?;
    Ok(Box::new(Removed {
        area: polygon(rule, zone)?,
        seconds: number_or(rule, "seconds", 1.0, 10.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Removed {
    fn change(&self, change: &v1::Change, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let Some(place) = change.r#box.as_ref().filter(|_| change.removed) else { return Look::IDLE };
        let middle = Point { x: (place.x1 + place.x2) / 2.0, y: (place.y1 + place.y2) / 2.0 };
        let span = memory.hold(scene.now, Holds::is(self.area.inside(middle)), self.gap_s);
        if span.firm().is_none() {
            return Look::stopped(Stop::Outside);
        }
        let gone = (scene.now.time_us - change.since_us) as f64 / 1e6;
        let gauge = Gauge::new("gone_s", gone, self.seconds);
        if gone < self.seconds {
            return Look::short(gauge, Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        Look::fires(
            gauge,
            Finding {
                why: format!("something is gone from {} for {gone:.1} s", self.area.name),
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                place: Some(*place),
                ..Finding::default()
            },
        )
    }
}
