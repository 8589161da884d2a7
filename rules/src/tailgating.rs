//! `tailgating`: somebody crosses the line within `seconds` after somebody else crossed it to the same side, as through
//! a door that opens for one. `direction` is `left`, `right` or `any`.

use cortex_proto::v1;

use super::{
    Finding, Gauge, Line, Look, Mark, Memory, Rule, Sight, Stop, Way, line, measure, number_or, only, word,
};

struct Tailgating {
    line: Line,
    wanted: Option<Way>,
    seconds: f64,
}

/// Crossings that are remembered.
const MARKS: usize = 8;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["direction", "seconds"])?;
    let wanted = match word(rule, "direction", &["any", "left", "right"])? {
        "left" => Some(Way::Left),
        "right" => Some(Way::Right),
        _ => None,
    };
    let seconds = number_or(rule, "seconds", 0.1, 2.0)?;
    Ok(Box::new(Tailgating { line: line(rule, zone)?, wanted, seconds }))
}

impl Rule for Tailgating {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, shared: &mut Memory) -> Look {
        let away = Gauge::new("line_heights", self.line.away(sight), 0.0);
        shared.marks.retain(|mark| sight.now.since(mark.at) <= self.seconds);
        let way = match self.line.crossed(sight, memory) {
            Ok(way) => way,
            Err(stop) => return Look::short(away, stop),
        };
        if self.wanted.is_some_and(|wanted| wanted != way) {
            return Look::short(away, Stop::Direction);
        }
        let side = u64::from(way == Way::Right);
        let ahead = shared.marks.iter().rev().find(|mark| mark.subject != sight.id && mark.other == side);
        let ahead = ahead.copied();
        if shared.marks.len() == MARKS {
            shared.marks.remove(0);
        }
        shared.marks.push(Mark { subject: sight.id, other: side, at: sight.now, began: sight.now });
        let Some(ahead) = ahead else { return Look::short(away, Stop::Alone) };
        let behind = sight.now.since(ahead.at);
        Look::fires(
            away,
            Finding {
                why: format!("followed somebody over line {} after {behind:.1} s", self.line.name),
                measures: vec![measure("behind_s", behind, self.seconds)],
                direction: way.as_str(),
                began: sight.now,
                ..Finding::default()
            },
        )
    }
}
