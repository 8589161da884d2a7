//! `entry`: a track comes into the zone, or is born inside. It has left when it was clearly outside for longer than
//! the gap window; only then can it enter again.

use cortex_proto::v1;

use super::{Area, Finding, Gauge, Look, Memory, Rule, Sight, Span, Stop, measure, only, polygon};

struct Entry {
    area: Area,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &[])?;
    Ok(Box::new(Entry { area: polygon(rule, zone)?, gap_s: f64::from(rule.gap_s) }))
}

impl Rule for Entry {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let gauge = |away| Gauge::new("outside_heights", away, 0.0);
        // What nobody saw is no leaving: an outage ends no stay.
        if memory.since.is_some() && memory.missed.is_none() {
            memory.held = sight.now;
        }
        match memory.hold(sight.now, self.area.holds(sight), self.gap_s) {
            Span::Began if sight.present => Look::short(gauge(0.0), Stop::Present),
            Span::Began => {
                let scale = sight.scale;
                let travel = sight.travel(1.0);
                let speed = travel
                    .map(|travel| measure(scale.either("speed_mps", "speed_heights_s"), travel.speed(), 0.0));
                let height = measure("height", f64::from(sight.height), 0.0);
                Look::fires(
                    gauge(0.0),
                    Finding {
                        why: format!("entered {}", self.area.name),
                        scaled: speed.is_some(),
                        measures: [height].into_iter().chain(speed).collect(),
                        began: sight.now,
                        ..Finding::default()
                    },
                )
            }
            Span::Holds(_) => Look::short(gauge(0.0), Stop::Told),
            Span::Gap(_) => Look::short(gauge(self.area.away(sight)), Stop::Gap),
            Span::Idle | Span::Ended(..) => Look::short(gauge(self.area.away(sight)), Stop::Outside),
        }
    }
}
