//! `crossing`: a track crosses the line; `direction` is `left`, `right` or `any`.

use cortex_proto::v1;

use super::{Finding, Memory, Rule, Sight, geometry, geometry::Point, only, points};

struct Crossing {
    line: String,
    points: Vec<Point>,
    wanted: Option<bool>,
}

/// A foot point nearer to the line than this is on neither side, so that a jittering box crosses once.
const CLEAR: f32 = 0.006;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["direction"])?;
    let wanted = match rule.options.get("direction").map_or("any", String::as_str) {
        "any" => None,
        "left" => Some(false),
        "right" => Some(true),
        other => return Err(format!("direction: `{other}` is not known; there are left, right, any")),
    };
    match zone {
        Some(zone) if zone.shape() == v1::Shape::Line && zone.points.len() >= 2 => {
            Ok(Box::new(Crossing { line: rule.zone.clone(), points: points(zone), wanted }))
        }
        Some(zone) => {
            Err(format!("zone: `{}` must be a line of two points at least for `crossing`", zone.id))
        }
        None => Err("zone: `crossing` needs a line".to_owned()),
    }
}

impl Rule for Crossing {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory) -> Option<Finding> {
        let near =
            self.points.windows(2).any(|pair| geometry::distance(pair[0], pair[1], sight.foot) < CLEAR);
        let from = memory.foot.map(|[x, y]| Point { x, y });
        if near && from.is_some() {
            return None;
        }
        memory.foot = Some([sight.foot.x, sight.foot.y]);
        let from = from?;
        let crossed =
            self.points.windows(2).find_map(|pair| geometry::crossing(pair[0], pair[1], from, sight.foot))?;
        if self.wanted.is_some_and(|wanted| wanted != crossed) {
            return None;
        }
        memory.began = sight.frame;
        let direction = if crossed { "right" } else { "left" };
        Some(Finding {
            why: format!("crossed line {} to the {direction}", self.line),
            measures: Vec::new(),
            direction,
        })
    }
}
