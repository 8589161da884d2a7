//! What is said of things in a picture.

use cortex_models::{Picture, Rect, class_name};
use cortex_proto::v1;

use crate::track::Track;

/// A box in shares of the picture.
pub(crate) fn normalised(picture: &Picture, rect: Rect) -> v1::Box {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let rect = rect.clip(width, height);
    v1::Box { x1: rect.x1 / width, y1: rect.y1 / height, x2: rect.x2 / width, y2: rect.y2 / height }
}

/// A thing of this class at this place, with what its track knows.
pub(crate) fn object(
    picture: &Picture,
    rect: Rect,
    class: u16,
    score: f32,
    track: Option<&Track>,
    state: v1::ObjectState,
) -> v1::Object {
    let velocity = track.map_or((0.0, 0.0), Track::velocity);
    v1::Object {
        class: class_name(class).to_owned(),
        score,
        r#box: Some(normalised(picture, rect)),
        track: track.map_or(0, |track| track.id),
        state: state as i32,
        velocity_x: velocity.0 / picture.width() as f32,
        velocity_y: velocity.1 / picture.height() as f32,
        born_us: track.map_or(0, |track| track.born_us),
        present: track.is_some_and(|track| track.present),
        pose: None,
    }
}
