//! `dwell`: a track stays in the zone for `seconds`. Told once a stay.

use cortex_proto::v1;

use super::{
    Finding, Memory, Rule, Sight, geometry, geometry::Point, measure, number, only, polygon, seconds,
};

struct Dwell {
    zone: String,
    polygon: Vec<Point>,
    allowed_s: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds"])?;
    Ok(Box::new(Dwell {
        zone: rule.zone.clone(),
        polygon: polygon(zone, "dwell")?,
        allowed_s: number(&rule.parameters, "seconds", 0.1)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Dwell {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory) -> Option<Finding> {
        let inside = geometry::inside(&self.polygon, sight.foot);
        let interrupted = memory.since_us != 0 && seconds(memory.held_us, sight.time_us) > self.gap_s;
        // Without a gap window one frame outside ends the stay, one late frame does not.
        let over = if inside { interrupted && self.gap_s > 0.0 } else { interrupted || self.gap_s == 0.0 };
        if over {
            (memory.since_us, memory.told) = (0, false);
        }
        if !inside {
            return None;
        }
        if memory.since_us == 0 {
            (memory.since_us, memory.began) = (sight.time_us, sight.frame);
        }
        memory.held_us = sight.time_us;
        let stayed = seconds(memory.since_us, sight.time_us);
        if memory.told || stayed < self.allowed_s {
            return None;
        }
        memory.told = true;
        Some(Finding {
            why: format!(
                "stayed in zone {} for {stayed:.1} s, {:.1} s are allowed",
                self.zone, self.allowed_s
            ),
            measures: vec![measure("dwell_s", stayed, self.allowed_s)],
            direction: "",
        })
    }
}
