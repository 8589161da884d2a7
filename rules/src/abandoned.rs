//! `abandoned`: something was left and nobody is nearer to it than `distance` metres for `seconds`; in the zone, or
//! anywhere without one. Reads what changed in the scene and does not move, whatever its class, and bags that the
//! detector knows. Somebody must have been near when it appeared: things do not come by themselves, light and doors
//! do. Whoever stands near attends to it, its owner or another.

use cortex_proto::v1;

use super::{
    Area, Finding, Gauge, Holds, Look, Mark, Memory, Point, Rule, Scene, Sight, Span, Stop, area, measure,
    number_or, only,
};

struct Abandoned {
    area: Area,
    seconds: f64,
    distance: f64,
    gap_s: f64,
}

pub(super) fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    only(rule, &["seconds", "distance"])?;
    Ok(Box::new(Abandoned {
        area: area(rule, zone)?,
        seconds: number_or(rule, "seconds", 1.0, 30.0)?,
        distance: number_or(rule, "distance", 0.5, 3.0)?,
        gap_s: f64::from(rule.gap_s),
    }))
}

impl Rule for Abandoned {
    fn change(&self, change: &v1::Change, scene: &Scene<'_>, memory: &mut Memory) -> Look {
        let Some(place) = change.r#box.as_ref().filter(|_| !change.removed) else { return Look::IDLE };
        let foot = Point { x: (place.x1 + place.x2) / 2.0, y: place.y2 };
        if !self.area.inside(foot) {
            return Look::stopped(Stop::Outside);
        }
        if !memory.known {
            memory.known = true;
            let near = |sight: &&Sight<'_>| passed(sight, foot, scene) <= self.distance * scene.scale.metre();
            let nearest = scene
                .all
                .iter()
                .filter(near)
                .min_by(|a, b| passed(a, foot, scene).total_cmp(&passed(b, foot, scene)));
            memory.marks = nearest
                .map(|owner| Mark { subject: owner.id, at: scene.now, began: scene.now, ..Mark::default() })
                .into_iter()
                .collect();
        }
        let Some(owner) = memory.marks.first().copied() else { return Look::stopped(Stop::Present) };
        let distance = |id: Option<u64>| {
            let people = scene.all.iter().filter(|sight| id.is_none_or(|id| sight.id == id));
            people.map(|sight| apart(sight, sight.foot, foot, scene)).fold(f64::INFINITY, f64::min)
        };
        let nearest = distance(None);
        let alone = nearest > self.distance * scene.scale.metre();
        let span = memory.hold(scene.now, Holds::is(alone), self.gap_s);
        let gauge = |alone| Gauge::new("unattended_s", alone, self.seconds);
        let alone = match span {
            Span::Began | Span::Holds(_) => span.firm().unwrap_or_default(),
            _ => return Look::short(gauge(0.0), span.stop()),
        };
        if alone < self.seconds {
            return Look::short(gauge(alone), Stop::NotEnough);
        }
        if memory.told {
            return Look::short(gauge(alone), Stop::Told);
        }
        let away = distance(Some(owner.subject));
        let gone = if away.is_finite() {
            format!("its owner is {away:.1} {} away", scene.scale.either("m", "heights"))
        } else {
            "its owner is not to be seen".to_owned()
        };
        let stands = (scene.now.time_us - change.since_us) as f64 / 1e6;
        let name = scene.scale.either("nearest_m", "nearest_heights");
        let mut measures = vec![measure("stands_s", stands, 0.0)];
        if nearest.is_finite() {
            measures.push(measure(name, nearest, self.distance * scene.scale.metre()));
        }
        Look::fires(
            gauge(alone),
            Finding {
                why: format!("something was left in {}, unattended for {alone:.1} s: {gone}", self.area.name),
                measures,
                began: memory.since.unwrap_or(scene.now),
                lasting: true,
                scaled: true,
                place: Some(*place),
                ..Finding::default()
            },
        )
    }
}

/// Distance of somebody from a place, in the scale's unit; none where there is no ground. Only people count.
fn apart(sight: &Sight<'_>, from: Point, to: Point, scene: &Scene<'_>) -> f64 {
    let between = scene.scale.between(from, to, sight.height).filter(|_| sight.object.class == "person");
    between.map_or(f64::INFINITY, |(x, y)| x.hypot(y))
}

/// How near somebody came to a place in the last seconds: a change is told seconds after it appeared.
fn passed(sight: &Sight<'_>, to: Point, scene: &Scene<'_>) -> f64 {
    let trail = sight.subject.trail.iter().map(|(_, dot)| dot.point()).chain([sight.foot]);
    trail.map(|from| apart(sight, from, to, scene)).fold(f64::INFINITY, f64::min)
}
