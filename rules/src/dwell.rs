//! `dwell`: a track stays in the zone for `seconds`. Told once a stay.
//!
//! How far it went meanwhile tells standing from pacing: below a quarter of a metre (0.15 heights) a second it stands.
//! `motion` is `any`, `standing` or `pacing`.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Look, Memory, Moment, Rule, Sight, Span, Stop, measure, number, only, polygon, word,
};

struct Dwell {
    area: Area,
    allowed_s: f64,
    gap_s: f64,
    /// `None` for any, else whether it must pace.
    pacing: Option<bool>,
}

/// Metres a second from which somebody paces.
const PACING: f64 = 0.25;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds", "motion"])?;
    let pacing = match word(rule, "motion", &["any", "standing", "pacing"])? {
        "standing" => Some(false),
        "pacing" => Some(true),
        _ => None,
    };
    let allowed_s = number(rule, "seconds", 0.1)?;
    Ok(Box::new(Dwell { area: polygon(rule, zone)?, allowed_s, gap_s: f64::from(rule.gap_s), pacing }))
}

impl Rule for Dwell {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let gauge = |stayed| Gauge::new("dwell_s", stayed, self.allowed_s);
        let stayed = match memory.hold(sight.now, self.area.holds(sight), self.gap_s) {
            Span::Began => {
                memory.numbers = vec![sight.subject.way];
                0.0
            }
            Span::Holds(stayed) => stayed,
            Span::Gap(stayed) => return Look::short(gauge(stayed), Stop::Gap),
            Span::Idle | Span::Ended(..) => return Look::short(gauge(0.0), Stop::Outside),
        };
        if stayed < self.allowed_s {
            return Look::short(gauge(stayed), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(stayed), Stop::Told);
        }
        let way = f64::from(sight.subject.way - memory.numbers.first().copied().unwrap_or_default());
        let pace = PACING * sight.scale.metre();
        let pacing = way / stayed.max(0.1) >= pace;
        if self.pacing.is_some_and(|wanted| wanted != pacing) {
            return Look::short(gauge(stayed), Stop::Motion);
        }
        let how = if pacing { "pacing" } else { "standing" };
        let name = sight.scale.either("path_m", "path_heights");
        Look::fires(
            gauge(stayed),
            Finding {
                why: format!(
                    "stayed in {} for {stayed:.1} s, {how}; {:.1} s are allowed",
                    self.area.name, self.allowed_s
                ),
                measures: vec![measure(name, way, pace * stayed)],
                began: memory.since.unwrap_or(sight.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        match memory.wait(now, self.gap_s) {
            Span::Gap(stayed) => Look::short(Gauge::new("dwell_s", stayed, self.allowed_s), Stop::Gap),
            _ => Look::IDLE,
        }
    }
}
