//! `crossing`: a track crosses the line; `direction` is `left`, `right` or `any`. Who comes back within the gap window
//! has jittered and is not told again. Every crossing counts, in both directions, whatever the schedule says: the
//! measures say how many there were since the day and the hour began, in the rule's time zone.

use cortex_proto::v1;

use super::{Count, Finding, Gauge, Line, Look, Memory, Rule, Sight, Stop, Way, line, measure, only, word};

struct Crossing {
    line: Line,
    wanted: Option<Way>,
    count: Count,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["direction"])?;
    let wanted = match word(rule, "direction", &["any", "left", "right"])? {
        "left" => Some(Way::Left),
        "right" => Some(Way::Right),
        _ => None,
    };
    Ok(Box::new(Crossing { line: line(rule, zone)?, wanted, count: Count::new(rule)? }))
}

impl Rule for Crossing {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, shared: &mut Memory) -> Look {
        let gauge = Gauge::new("line_heights", self.line.away(sight), 0.0);
        let way = match self.line.crossed(sight, memory) {
            Ok(way) => way,
            Err(stop) => return Look::short(gauge, stop),
        };
        let counts = self.count.add(sight.now, way, &mut shared.numbers);
        if self.wanted.is_some_and(|wanted| wanted != way) {
            return Look::short(gauge, Stop::Direction);
        }
        let speed = sight
            .travel(1.0)
            .map(|travel| measure(sight.scale.either("speed_mps", "speed_heights_s"), travel.speed(), 0.0));
        Look::fires(
            gauge,
            Finding {
                why: format!("crossed line {} to the {}", self.line.name, way.as_str()),
                scaled: speed.is_some(),
                measures: counts.into_iter().chain(speed).collect(),
                direction: way.as_str(),
                began: sight.now,
                ..Finding::default()
            },
        )
    }
}
