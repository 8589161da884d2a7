//! `stopped`: a vehicle that came by has not moved for `seconds`; in the zone, or anywhere without one. It must have
//! moved by `moved` metres before, so that cars that were parked when the camera looked first are left alone; with 0
//! they are not.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Moment, Rule, Sight, Span, Stop, area, measure, number_or,
    only,
};

struct Stopped {
    area: Area,
    seconds: f64,
    moved: f64,
    speed: f64,
    gap_s: f64,
}

/// Seconds over which the speed is taken.
const WINDOW: f64 = 1.5;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds", "moved", "speed"])?;
    Ok(Box::new(Stopped {
        area: area(rule, zone)?,
        seconds: number_or(rule, "seconds", 1.0, 30.0)?,
        moved: number_or(rule, "moved", 0.0, 2.0)?,
        speed: number_or(rule, "speed", 0.05, 0.4)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Stopped {
    fn classes(&self) -> &'static [&'static str] {
        &["car", "truck", "bus", "motorcycle"]
    }

    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let scale = sight.scale;
        let limit = self.speed * scale.metre();
        let inside = self.area.holds(sight) != Holds::No;
        let came = f64::from(sight.subject.way) >= self.moved * scale.metre();
        let holds = match sight.travel(WINDOW) {
            Some(travel) if inside && came => match travel.speed() {
                speed if speed < limit => Holds::Yes,
                speed if speed < 1.5 * limit => Holds::Nearly,
                _ => Holds::No,
            },
            // Too new to be measured.
            None if inside && came => Holds::Nearly,
            _ => Holds::No,
        };
        let gauge = |stood| Gauge::new("stopped_s", stood, self.seconds);
        let stood = match memory.hold(sight.now, holds, self.gap_s) {
            Span::Began => 0.0,
            Span::Holds(stood) => stood,
            Span::Gap(stood) => return Look::short(gauge(stood), Stop::Gap),
            _ if !inside => return Look::short(gauge(0.0), Stop::Outside),
            _ if !came => return Look::short(gauge(0.0), Stop::Present),
            _ => return Look::short(gauge(0.0), Stop::NotEnough),
        };
        if stood < self.seconds {
            return Look::short(gauge(stood), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(stood), Stop::Told);
        }
        let name = scale.either("way_m", "way_heights");
        Look::fires(
            gauge(stood),
            Finding {
                why: format!("stands still in {} for {stood:.1} s", self.area.name),
                measures: vec![measure(name, f64::from(sight.subject.way), self.moved * scale.metre())],
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        memory.wait(now, self.gap_s);
        Look::IDLE
    }
}
