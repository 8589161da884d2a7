//! `wrong_way`: a track goes against the allowed direction.
//!
//! - In a zone, `heading` is the allowed direction in the picture: degrees clockwise from rightwards, so 90 is
//!   downwards. Who moves at `speed` metres a second or faster, more than `tolerance` degrees off, for `seconds`, goes
//!   the wrong way.
//! - At a line, `allowed` is the side to which it may be crossed, `left` or `right`.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Line, Look, Memory, Rule, Sight, Stop, Way, area, line, measure, number,
    number_or, only, word,
};

struct InZone {
    area: Area,
    /// Radians.
    heading: f64,
    /// Degrees.
    tolerance: f64,
    speed: f64,
    seconds: f64,
    gap_s: f64,
}

struct AtLine {
    line: Line,
    allowed: Way,
}

/// Seconds over which the direction is taken.
const WINDOW: f64 = 1.0;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    if zone.is_some_and(|zone| zone.shape() == v1::Shape::Line) {
        only(rule, &["allowed"])?;
        if !rule.options.contains_key("allowed") {
            return Err("allowed: is missing; it is left or right".to_owned());
        }
        let allowed =
            if word(rule, "allowed", &["left", "right"])? == "left" { Way::Left } else { Way::Right };
        return Ok(Box::new(AtLine { line: line(rule, zone)?, allowed }));
    }
    only(rule, &["heading", "tolerance", "speed", "seconds"])?;
    Ok(Box::new(InZone {
        area: area(rule, zone)?,
        heading: number(rule, "heading", -360.0)?.to_radians(),
        tolerance: number_or(rule, "tolerance", 1.0, 120.0)?,
        speed: number_or(rule, "speed", 0.05, 0.6)?,
        seconds: number_or(rule, "seconds", 0.0, 1.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for InZone {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let travel = sight.travel(WINDOW);
        let speed = travel.map_or(0.0, |travel| travel.speed());
        let fast = speed >= self.speed * sight.scale.metre();
        // The direction is that in the picture, where the operator drew it.
        let off = travel.filter(|_| fast).map_or(0.0, |travel| {
            let dx = f64::from((sight.foot.x - travel.from.x) * sight.scale.aspect());
            let dy = f64::from(sight.foot.y - travel.from.y);
            let (sin, cos) = self.heading.sin_cos();
            (dx * sin - dy * cos).atan2(dx * cos + dy * sin).abs().to_degrees()
        });
        let gauge = Gauge::new("off_degrees", off, self.tolerance);
        let inside = self.area.holds(sight) != Holds::No;
        let span = memory.hold(sight.now, Holds::is(inside && off >= self.tolerance), self.gap_s);
        let held = match span.firm() {
            Some(held) if held >= self.seconds => held,
            Some(_) => return Look::short(gauge, Stop::NotEnough),
            None if !inside => return Look::short(gauge, Stop::Outside),
            None => return Look::short(gauge, span.stop()),
        };
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        let scale = sight.scale;
        let name = scale.either("speed_mps", "speed_heights_s");
        Look::fires(
            gauge,
            Finding {
                why: format!(
                    "goes the wrong way in {} for {held:.1} s, {off:.0} degrees off",
                    self.area.name
                ),
                measures: vec![
                    measure("held_s", held, self.seconds),
                    measure(name, speed, self.speed * scale.metre()),
                ],
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }
}

impl Rule for AtLine {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let gauge = Gauge::new("line_heights", self.line.away(sight), 0.0);
        match self.line.crossed(sight, memory) {
            Err(stop) => Look::short(gauge, stop),
            Ok(way) if way == self.allowed => Look::short(gauge, Stop::Direction),
            Ok(way) => Look::fires(
                gauge,
                Finding {
                    why: format!(
                        "crossed line {} to the {}, the wrong way; allowed is {}",
                        self.line.name,
                        way.as_str(),
                        self.allowed.as_str()
                    ),
                    direction: way.as_str(),
                    began: sight.now,
                    ..Finding::default()
                },
            ),
        }
    }
}
