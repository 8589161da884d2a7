//! `running`: a track moves at `speed` metres a second or faster, for `seconds`; in the zone, or anywhere without one.
//! The speed is that of the straight way over the last second, so that a box that jitters does not run.

use cortex_proto::v1;

use super::{Area, Finding, Gauge, Holds, Look, Memory, Rule, Sight, Stop, area, measure, number_or, only};

struct Running {
    area: Area,
    speed: f64,
    seconds: f64,
    gap_s: f64,
}

/// A jogger; a brisk walk is 2.
const SPEED: f64 = 3.0;
/// Seconds over which the speed is taken.
const WINDOW: f64 = 1.0;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["speed", "seconds"])?;
    Ok(Box::new(Running {
        area: area(rule, zone)?,
        speed: number_or(rule, "speed", 0.1, SPEED)?,
        seconds: number_or(rule, "seconds", 0.0, 0.5)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Running {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let scale = sight.scale;
        let threshold = self.speed * scale.metre();
        let speed = sight.travel(WINDOW).map_or(0.0, |travel| travel.speed());
        let gauge = Gauge::new(scale.either("speed_mps", "speed_heights_s"), speed, threshold);
        let inside = self.area.holds(sight) != Holds::No;
        let holds = if inside { Holds::above(speed, threshold) } else { Holds::No };
        let span = memory.hold(sight.now, holds, self.gap_s);
        let held = match span.firm() {
            Some(held) if held >= self.seconds => held,
            Some(_) => return Look::short(gauge, Stop::NotEnough),
            None if !inside => return Look::short(gauge, Stop::Outside),
            None => return Look::short(gauge, span.stop()),
        };
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        let unit = scale.either("m/s", "heights a second");
        Look::fires(
            gauge,
            Finding {
                why: format!("runs in {} at {speed:.1} {unit}", self.area.name),
                measures: vec![measure("held_s", held, self.seconds)],
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }
}
