//! `entry`: a track comes into the zone.

use cortex_proto::v1;

use super::{Finding, Memory, Rule, Sight, geometry, geometry::Point, only, polygon};

struct Entry {
    zone: String,
    polygon: Vec<Point>,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &[])?;
    Ok(Box::new(Entry { zone: rule.zone.clone(), polygon: polygon(zone, "entry")? }))
}

impl Rule for Entry {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory) -> Option<Finding> {
        let inside = geometry::inside(&self.polygon, sight.foot);
        let before = memory.inside.replace(inside);
        let entered = inside
            && match before {
                Some(before) => !before,
                None => !sight.object.present && !sight.fresh,
            };
        if !entered {
            return None;
        }
        memory.began = sight.frame;
        memory.since_us = sight.time_us;
        Some(Finding { why: format!("entered zone {}", self.zone), measures: Vec::new(), direction: "" })
    }
}
