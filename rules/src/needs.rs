//! What rules need: of the picture, so that nothing is computed that nobody reads, and of the past, for whoever replays
//! it.

use cortex_proto::v1;
use cortex_runtime::Tables;

use super::{Cue, Point, cue, geometry, points};

/// What the rules of one camera need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Where joints are asked for: polygons, or nothing for the whole picture.
    pose: Vec<Option<Vec<Point>>>,
    /// Whether a rule asks what was left or taken away.
    pub changes: bool,
}

impl Needs {
    /// From the rules of a camera, whatever their schedule.
    pub fn of(tables: &Tables, camera: &str) -> Self {
        let mut needs = Self::default();
        for rule in tables.rules_of(camera) {
            match cue(&rule.kind) {
                Cue::Boxes => {}
                Cue::Changes => needs.changes = true,
                Cue::Pose => {
                    needs.pose.push(tables.zones.get(&(camera.to_owned(), rule.zone.clone())).map(points));
                }
            }
        }
        needs
    }

    /// Whether any rule asks for joints.
    pub fn pose(&self) -> bool {
        !self.pose.is_empty()
    }

    /// Whether a rule asks for the joints of who is at this place, or no farther than `reach` from where it asks.
    pub fn asks(&self, at: Point, reach: f32) -> bool {
        self.pose.iter().any(|zone| {
            zone.as_ref().is_none_or(|polygon| {
                geometry::inside(polygon, at) || geometry::edge_distance(polygon, at) <= reach
            })
        })
    }
}

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

#[cfg(test)]
mod tests {
    use cortex_proto::v1::{self, config_entry::Entry};

    use super::*;

    fn tables(kind: &str, place: &str) -> Tables {
        let mut tables = Tables::default();
        let point = |x: f32, y: f32| v1::Point { x, y };
        let zone = v1::Zone {
            id: "yard".into(),
            camera: "c".into(),
            shape: v1::Shape::Polygon as i32,
            points: vec![point(0.5, 0.5), point(1.0, 0.5), point(1.0, 1.0)],
            ..v1::Zone::default()
        };
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
        let rule = v1::Rule { id: "r".into(), kind: kind.into(), zone: place.into(), ..v1::Rule::default() };
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule)) });
        tables
    }

    #[test]
    fn joints_are_asked_for_only_where_a_rule_looks() {
        let at = |x: f32, y: f32| Point { x, y };
        assert_eq!(Needs::of(&tables("entry", "yard"), "c"), Needs::default());
        assert!(Needs::of(&tables("fall", ""), "c").asks(at(0.1, 0.1), 0.0));
        let yard = Needs::of(&tables("fall", "yard"), "c");
        assert!(yard.asks(at(0.9, 0.6), 0.0) && yard.asks(at(0.75, 0.48), 0.05));
        assert!(!yard.asks(at(0.2, 0.2), 0.1));
        assert_eq!(Needs::of(&tables("fall", "yard"), "d"), Needs::default(), "a zone of another camera");
        assert!(Needs::of(&tables("removed", "yard"), "c").changes);
    }
}
