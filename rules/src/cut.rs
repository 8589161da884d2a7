//! Who stands where, though somebody nearer hides his feet.

use cortex_proto::v1;

use super::Subject;

/// A box that lost less than this share of its height has its feet.
const LOST: f32 = 0.1;

/// The object's box down to its feet: as high as the subject was before when somebody in front cuts it off below, else
/// as it is.
pub(super) fn whole(object: &v1::Object, subject: &Subject, objects: &[&v1::Object]) -> v1::Box {
    let place = object.r#box.unwrap_or_default();
    let high = subject.size.1;
    if place.y2 - place.y1 >= (1.0 - LOST) * high {
        return place;
    }
    let middle = (place.x1 + place.x2) / 2.0;
    // Who is nearer stands lower in the picture.
    let cuts = |other: &v1::Box| {
        other.y2 > place.y2 && other.y1 < place.y2 && (other.x1..other.x2).contains(&middle)
    };
    if objects.iter().filter_map(|other| other.r#box.as_ref()).any(cuts) {
        v1::Box { y2: place.y1 + high, ..place }
    } else {
        place
    }
}
