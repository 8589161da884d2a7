//! What may be wrong with one camera or zone, whether a file lists it or the API brings it.

use std::collections::BTreeSet;

use cortex_proto::v1;

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its name.
    pub field: &'static str,
    /// What it must be, to be read behind the name.
    pub why: String,
}

/// Points of a zone or line; more are no drawing of a person, and every rule looks at them for every track.
const MOST_POINTS: usize = 64;

/// What is wrong with an id, to be read behind the field's name.
///
/// # Errors
/// It is no id.
pub fn id(id: &str) -> Result<(), String> {
    let good = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(()) } else { Err("must be 1 to 64 letters, digits, `-` or `_`".to_owned()) }
}

/// What is wrong with a camera but for its address, whose policy is ingest's.
pub fn camera(camera: &v1::Camera) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut say = |field, why| wrong.push(Wrong { field, why });
    if let Err(why) = id(&camera.id) {
        say("id", why);
    }
    if !camera.site.is_empty()
        && let Err(why) = id(&camera.site)
    {
        say("site", why);
    }
    if !(0.0..=60.0).contains(&camera.rate) {
        say("rate", "must be 0 to 60 pictures a second".to_owned());
    }
    wrong
}

/// What is wrong with a zone or line, whose points are shares of the picture.
pub fn zone(zone: &v1::Zone) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut say = |field, why| wrong.push(Wrong { field, why });
    if let Err(why) = id(&zone.id) {
        say("id", why);
    }
    let least = match zone.shape() {
        v1::Shape::Polygon | v1::Shape::Mask => 3,
        v1::Shape::Line => 2,
        v1::Shape::Unspecified => {
            say("shape", "must be polygon, line or mask".to_owned());
            return wrong;
        }
    };
    let places: BTreeSet<(u32, u32)> =
        zone.points.iter().map(|point| (point.x.to_bits(), point.y.to_bits())).collect();
    if places.len() < least || zone.points.len() > MOST_POINTS {
        say("points", format!("must be {least} to {MOST_POINTS} different points"));
    }
    let inside = |value: f32| (0.0..=1.0).contains(&value);
    if !zone.points.iter().all(|point| inside(point.x) && inside(point.y)) {
        let hint = "must be 0 to 1, or pixels within `size = [width, height]`";
        say("points", hint.to_owned());
    }
    wrong
}
