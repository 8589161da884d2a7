//! `climbing`: somebody gets over a line that is drawn along the top of a fence or a wall. The feet were below the line,
//! rose by `rise` heights of the body or more while the body hardly moved sideways and did not shrink, and are above
//! the line. Who walks away from the camera crosses it too, but shrinks or goes along; where the camera looks down so
//! steeply that walking and rising look the same, this rule is of no use.

use cortex_proto::v1;

use super::{
    Finding, Gauge, Holds, Look, Memory, Moment, Point, Rule, Sight, Stop, line, measure, number_or, only,
};

struct Climbing {
    name: String,
    points: Vec<Point>,
    rise: f64,
    gap_s: f64,
}

/// A body that is smaller than this share of what it was walks away.
const SHRUNK: f32 = 0.8;
/// What it was is the tallest of the last minute or so: by this factor a sight.
const FADES: f32 = 0.998;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["rise"])?;
    let line = line(rule, zone)?;
    Ok(Box::new(Climbing {
        name: line.name,
        points: line.points,
        rise: number_or(rule, "rise", 0.2, 0.5)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Climbing {
    /// Row of the line above or below a place; `None` beside its ends.
    fn row(&self, x: f32) -> Option<f32> {
        self.points.windows(2).find_map(|pair| {
            let (a, b) = if pair[0].x <= pair[1].x { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            ((a.x..=b.x).contains(&x) && a.x < b.x).then(|| a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x))
        })
    }
}

impl Rule for Climbing {
    fn track(&self, sight: &Sight<'_>, memory: &mut Memory, _shared: &mut Memory) -> Look {
        let tallest = memory.numbers.first().map_or(0.0, |tallest| FADES * tallest);
        let usual = tallest.max(sight.height);
        memory.numbers = vec![usual];
        let gauge = |rise| Gauge::new("rise_heights", rise, self.rise);
        let Some(row) = self.row(sight.foot.x) else {
            memory.hold(sight.now, Holds::No, self.gap_s);
            return Look::short(gauge(0.0), Stop::Outside);
        };
        let height = f64::from(sight.height.max(0.01));
        let above = sight.foot.y < row - sight.margin();
        if memory.since.is_some() {
            memory.hold(sight.now, Holds::is(above), self.gap_s);
            return Look::short(gauge(self.rise), Stop::Told);
        }
        // Of the last seconds the lowest place that was clearly below.
        let below = sight
            .subject
            .trail
            .iter()
            .map(|(_, dot)| dot.point())
            .filter(|place| self.row(place.x).is_some_and(|row| place.y > row + sight.margin()));
        let Some(low) = below.max_by(|a, b| a.y.total_cmp(&b.y)) else {
            return Look::short(gauge(0.0), Stop::NotEnough);
        };
        let rise = f64::from(low.y - sight.foot.y) / height;
        let aside = f64::from(sight.foot.x - low.x).abs() * f64::from(sight.scale.aspect()) / height;
        if !above || rise < self.rise || sight.height < SHRUNK * usual {
            return Look::short(gauge(rise), Stop::NotEnough);
        }
        if aside > rise {
            return Look::short(gauge(rise), Stop::Direction);
        }
        memory.hold(sight.now, Holds::Yes, self.gap_s);
        Look::fires(
            gauge(rise),
            Finding {
                why: format!("climbed over line {}, {rise:.1} heights up", self.name),
                measures: vec![measure("aside_heights", aside, rise)],
                began: sight.now,
                lasting: true,
                ..Finding::default()
            },
        )
    }

    fn missing(&self, now: Moment, memory: &mut Memory, _shared: &mut Memory) -> Look {
        memory.wait(now, self.gap_s);
        Look::IDLE
    }
}
