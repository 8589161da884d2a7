//! `dispersal`: `count` people or more who stood within `radius` metres of their middle move away from it at once, each
//! at `speed` metres a second or faster, having been slower than half of that before; in the zone, or anywhere without
//! one. Four of five of the group must do so: two streams that pass each other are no dispersal.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Memory, Point, Rule, Scene, Stop, area, measure, number_or, only,
};

struct Dispersal {
    area: Area,
    count: f64,
    speed: f64,
    radius: f64,
    gap_s: f64,
}

/// Seconds over which the way is taken.
const WINDOW: f64 = 1.0;
/// Share of the group that must move outwards.
const MOST: f64 = 0.8;

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["count", "speed", "radius"])?;
    Ok(Box::new(Dispersal {
        area: area(rule, zone)?,
        count: number_or(rule, "count", 3.0, 4.0)?,
        speed: number_or(rule, "speed", 0.1, 2.0)?,
        radius: number_or(rule, "radius", 0.5, 5.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Dispersal {
    fn scene(&self, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let (outward, group, fastest) = self.outward(scene);
        let gauge = Gauge::new("outward", outward, self.count);
        let holds = Holds::is(outward >= self.count && outward >= MOST * group);
        let span = memory.hold(scene.now, holds, self.gap_s);
        if span.firm().is_none() {
            return Look::short(gauge, span.stop());
        }
        if memory.told {
            return Look::short(gauge, Stop::Told);
        }
        let scale = scene.scale;
        let limit = self.speed * scale.metre();
        Look::fires(
            gauge,
            Finding {
                why: format!("{outward} of {group} in {} move apart at once", self.area.name),
                measures: vec![
                    measure(scale.either("fastest_mps", "fastest_heights_s"), fastest, limit),
                    measure("group", group, 0.0),
                ],
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                scaled: true,
                ..Finding::default()
            },
        )
    }
}

impl Dispersal {
    /// How many move outwards fast enough, of how many who were together, and the speed of the fastest.
    fn outward(&self, scene: &Scene<'_>) -> (f64, f64, f64) {
        let scale = scene.scale;
        let travels = scene.sights.iter().filter_map(|sight| Some((sight, sight.travel(WINDOW)?)));
        let mut all: Vec<_> = travels.filter(|(_, travel)| self.area.inside(travel.from)).collect();
        // The middle of those who are near it, found in two steps: strangers farther off do not move it.
        let near = |from: Point, to: Point, height: f32| {
            scale.between(from, to, height).is_some_and(|(x, y)| x.hypot(y) <= self.radius * scale.metre())
        };
        for _ in 0..2 {
            let Some(middle) = middle(all.iter().map(|(_, travel)| travel.from)) else { break };
            all.retain(|(sight, travel)| near(middle, travel.from, sight.height));
        }
        let Some(middle) = middle(all.iter().map(|(_, travel)| travel.from)) else { return (0.0, 0.0, 0.0) };
        let limit = self.speed * scale.metre();
        let (mut count, mut fastest) = (0.0, 0.0_f64);
        for (sight, travel) in &all {
            let Some((x, y)) = scale.between(middle, travel.from, sight.height) else { continue };
            let away = x.hypot(y);
            // Who stands in the very middle moves outwards wherever it goes.
            let speed = if away > 0.1 * scale.height() {
                (travel.x * x + travel.y * y) / away / travel.seconds
            } else {
                travel.speed()
            };
            let strolled = sight
                .subject
                .speed_before(scene.now, WINDOW, scale)
                .is_some_and(|before| before < limit / 2.0);
            count += if speed >= limit && strolled { 1.0 } else { 0.0 };
            fastest = fastest.max(speed);
        }
        (count, all.len() as f64, fastest)
    }
}

/// The median place.
fn middle(places: impl Iterator<Item = Point>) -> Option<Point> {
    let (mut xs, mut ys): (Vec<f32>, Vec<f32>) = places.map(|place| (place.x, place.y)).unzip();
    xs.sort_by(f32::total_cmp);
    ys.sort_by(f32::total_cmp);
    let middle = |values: &[f32]| {
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some((low + high) / 2.0)
    };
    if xs.is_empty() { None } else { Some(Point { x: middle(&xs)?, y: middle(&ys)? }) }
}
