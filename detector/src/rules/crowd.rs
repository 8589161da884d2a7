//! `crowd`: `count` tracks or more are in the zone, or in the whole picture without one, for `seconds`. Told once
//! until it has dispersed.

use cortex_proto::v1;

use super::{
    Finding, Memory, Rule, Scene, geometry, geometry::Point, measure, number, only, polygon, seconds,
};

struct Crowd {
    place: String,
    polygon: Option<Vec<Point>>,
    count: usize,
    seconds: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["count", "seconds"])?;
    Ok(Box::new(Crowd {
        place: zone.map_or_else(|| "the picture".to_owned(), |zone| format!("zone {}", zone.id)),
        polygon: zone.map(|zone| polygon(Some(zone), "crowd")).transpose()?,
        count: number(&rule.parameters, "count", 2.0)? as usize,
        seconds: number(&rule.parameters, "seconds", 0.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Crowd {
    fn scene(&self, scene: &Scene<'_>, memory: &mut Memory) -> Option<Finding> {
        let inside =
            |foot: Point| self.polygon.as_ref().is_none_or(|polygon| geometry::inside(polygon, foot));
        let count = scene.sights.iter().filter(|sight| inside(sight.foot)).count();
        if count < self.count {
            if memory.since_us != 0 && seconds(memory.held_us, scene.time_us) > self.gap_s {
                (memory.since_us, memory.told) = (0, false);
            }
            return None;
        }
        if memory.since_us == 0 {
            (memory.since_us, memory.began) = (scene.time_us, scene.frame);
        }
        memory.held_us = scene.time_us;
        let held = seconds(memory.since_us, scene.time_us);
        if memory.told || held < self.seconds {
            return None;
        }
        memory.told = true;
        Some(Finding {
            why: format!("{count} are in {} for {held:.1} s, {} make a crowd", self.place, self.count),
            measures: vec![
                measure("count", count as f64, self.count as f64),
                measure("held_s", held, self.seconds),
            ],
            direction: "",
        })
    }
}
