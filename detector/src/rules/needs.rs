//! What a rule needs of the past and of the picture, for whoever replays it.

use cortex_proto::v1;

use super::{
    geometry::{self, Point},
    points,
};

/// What every rule may look back on: the track's path, in seconds.
const PATH_S: f64 = 60.0;

/// How far back a rule can look, in seconds: its longest time with gap and cool-down, and the path of a track.
pub fn window_s(rule: &v1::Rule) -> f64 {
    let time = |name: &str| name == "seconds" || name.ends_with("_s");
    let own = rule.parameters.iter().filter(|(name, _)| time(name)).map(|(_, seconds)| *seconds);
    own.fold(0.0, f64::max) + f64::from(rule.gap_s) + f64::from(rule.cooldown_s) + PATH_S
}

/// Whether an object is one that a rule may tell of, by class, height and, where its zone is an area, place.
pub fn watches(rule: &v1::Rule, zone: Option<&v1::Zone>, object: &v1::Object) -> bool {
    let Some(place) = &object.r#box else { return false };
    let class =
        if rule.classes.is_empty() { object.class == "person" } else { rule.classes.contains(&object.class) };
    let foot = Point { x: f32::midpoint(place.x1, place.x2), y: place.y2 };
    let area = zone.filter(|zone| zone.shape() == v1::Shape::Polygon);
    class
        && place.y2 - place.y1 >= rule.min_height
        && area.is_none_or(|zone| geometry::inside(&points(zone), foot))
}
