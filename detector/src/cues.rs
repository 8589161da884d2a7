//! What rules read beside boxes and tracks, from what the models saw: how bodies are held, and what changed in the
//! scene. Computed only while a rule asks, and recorded in the message, so that a replay reads the same.

use cortex_models::{Detection, Picture, Pose, Rect, class_name};
use cortex_proto::v1;
use cortex_rules::Needs;

use crate::{
    Seen,
    changes::{Bag, Changes, Moment, Present},
    track::{State, Tracker},
};

/// Somebody may be where a detection has this score; too low a one for a track.
const DOUBTFUL: f32 = 0.3;

/// The joints of a body, normalised to the picture.
pub(crate) fn joints(picture: &Picture, pose: &Pose) -> v1::Pose {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let joint = |[x, y, score]: &[f32; 3]| v1::Joint {
        at: Some(v1::Point { x: x / width, y: y / height }),
        score: *score,
    };
    v1::Pose { joints: pose.keypoints.iter().map(joint).collect() }
}

/// What was left and what is gone. The scene is forgotten when no rule asks any more.
pub(crate) fn changes(
    kept: &mut Option<Changes>,
    needs: &Needs,
    picture: &Picture,
    moment: Moment<'_>,
    tracker: &Tracker,
    seen: &Seen,
) -> Vec<v1::Change> {
    if !needs.changes {
        *kept = None;
        return Vec::new();
    }
    let tracks = tracker.confirmed().filter(|track| moves(track.class));
    let mut moving: Vec<(u64, Rect)> = tracks.map(|track| (track.id, track.rect())).collect();
    let doubtful = |object: &&Detection| moves(object.class) && object.score >= DOUBTFUL;
    moving.extend(seen.objects.iter().filter(doubtful).map(|object| (0, object.rect)));
    let bags = tracker.confirmed().filter(|track| carried(track.class) && track.state != State::Hidden);
    let bags: Vec<Bag> =
        bags.map(|track| Bag { track: track.id, rect: track.rect(), present: track.present }).collect();
    let changes = kept.get_or_insert_default();
    changes.look(picture, moment, &Present { moving: &moving, bags: &bags });
    changes.told()
}

/// Whether things of a class go by themselves: people, vehicles and animals of COCO.
fn moves(class: u16) -> bool {
    matches!(class, 0..=8 | 14..=23)
}

/// Whether people carry things of a class, and leave them.
fn carried(class: u16) -> bool {
    matches!(class_name(class), "backpack" | "handbag" | "suitcase")
}
