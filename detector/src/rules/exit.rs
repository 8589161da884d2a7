//! `exit`: a track that was in the zone goes out of it while it is seen.

use cortex_proto::v1;

use super::{Finding, Memory, Rule, Sight, geometry, geometry::Point, measure, only, polygon, seconds};

struct Exit {
    zone: String,
    polygon: Vec<Point>,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &[])?;
    Ok(Box::new(Exit { zone: rule.zone.clone(), polygon: polygon(zone, "exit")? }))
}

impl Rule for Exit {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory) -> Option<Finding> {
        let inside = geometry::inside(&self.polygon, sight.foot);
        let before = memory.inside.replace(inside);
        if inside && before != Some(true) {
            memory.since_us = sight.time_us;
        }
        if inside || before != Some(true) {
            return None;
        }
        memory.began = sight.frame;
        let stayed = seconds(memory.since_us, sight.time_us);
        Some(Finding {
            why: format!("left zone {} after {stayed:.1} s", self.zone),
            measures: vec![measure("inside_s", stayed, 0.0)],
            direction: "",
        })
    }
}
