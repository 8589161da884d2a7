//! Who is who when the tracker changes its mind: a new track that begins where another has just vanished is the same
//! subject, and goes on with its timers. So no rule has to know of an id switch.

use cortex_proto::v1;

use super::{Moment, Point, Subject, engine::foot, state::State};

/// Two subjects apart by more than this many heights at the moment of succession are two.
const REACH: f32 = 0.5;
/// Heights a second by which the reach grows with the time unseen.
const DRIFT: f32 = 1.0;
/// Seconds for which it grows: who is hidden for longer stands there, and comes out where he went in.
const WALK_S: f64 = 1.5;
/// The reach after that, in heights.
const STAND: f32 = 1.0;
/// The smaller of two heights is at least this share of the other; boxes of people in a group take in others.
const ALIKE: f32 = 0.55;
/// A track that is farther from where it must be than this many heights has jumped to somebody else.
const JUMP: f32 = 0.75;
/// Heights a second from which somebody has a direction.
const STROLL: f32 = 0.4;
/// Heights a second that nobody runs.
const FASTEST: f32 = 5.0;

/// Subjects of the objects of a frame, in their order. `window_s` is how long a vanished subject waits for a successor.
pub(super) fn settle(
    state: &mut State,
    objects: &[&v1::Object],
    now: Moment,
    window_s: f64,
    aspect: f32,
) -> Vec<u64> {
    let mut ids: Vec<Option<u64>> =
        objects.iter().map(|object| state.tracks.get(&object.track).copied()).collect();
    // A subject that another track has taken over is that track's while both are there. Which of the two was told of is not
    // known, so the one that comes back is somebody who was there already.
    let mut back = vec![false; ids.len()];
    for n in 0..ids.len() {
        let current = ids[n].and_then(|id| state.subjects.get(&id)).map(|subject| subject.track);
        let there = |track| objects.iter().any(|other| other.track == track);
        let another = current.is_some_and(|track| track != objects[n].track && there(track));
        if another || (ids[n].is_some() && ids[..n].contains(&ids[n])) {
            (ids[n], back[n]) = (None, true);
        }
    }
    let mut pairs = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        let own = ids[n].and_then(|id| state.subjects.get(&id));
        if own.is_some_and(|subject| !jumped(subject, object, now, aspect)) {
            continue;
        }
        for (id, subject) in &state.subjects {
            // Who is here and has not jumped away is nobody's predecessor.
            let here = (0..ids.len())
                .any(|m| ids[m] == Some(*id) && m != n && !jumped(subject, objects[m], now, aspect));
            if here || ids[n] == Some(*id) || now.since(subject.seen) > window_s {
                continue;
            }
            if let Some(cost) = likeness(subject, object, now, aspect) {
                pairs.push((cost, *id, n));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut gone, mut placed) = (Vec::new(), vec![false; ids.len()]);
    for (_, id, n) in pairs {
        if placed[n] || gone.contains(&id) {
            continue;
        }
        placed[n] = true;
        gone.push(id);
        // Who jumped away from this subject, and found no other place, is new.
        for (m, other) in ids.iter_mut().enumerate() {
            if m != n && *other == Some(id) && !placed[m] {
                *other = None;
            }
        }
        ids[n] = Some(id);
    }
    let mut settled = Vec::with_capacity(ids.len());
    for (n, object) in objects.iter().enumerate() {
        let id = ids[n].unwrap_or_else(|| fresh(state, object.track, now));
        state.tracks.insert(object.track, id);
        let subject = state.subjects.entry(id).or_insert_with(|| Subject {
            first: now,
            present: object.present || back[n],
            ..Subject::default()
        });
        subject.track = object.track;
        settled.push(id);
    }
    settled
}

/// An id that no subject has: the track's own unless another subject still bears it.
fn fresh(state: &State, track: u64, now: Moment) -> u64 {
    let mut id = track;
    while state.subjects.contains_key(&id) {
        id = id.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(now.seq | 1).max(1);
    }
    id
}

fn jumped(subject: &Subject, object: &v1::Object, now: Moment, aspect: f32) -> bool {
    if subject.seen == Moment::default() {
        return false;
    }
    let foot = object.r#box.as_ref().map_or(subject.foot, foot);
    let away = apart(subject.expected(now), foot, aspect).min(apart(subject.foot, foot, aspect));
    away > (JUMP + FASTEST * now.since(subject.seen) as f32) * subject.size.1.max(0.02)
}

/// How far the object is from where the subject must be, in heights; `None` when it is somebody else.
fn likeness(subject: &Subject, object: &v1::Object, now: Moment, aspect: f32) -> Option<f32> {
    let place = object.r#box.as_ref()?;
    let (old, new) = (subject.size.1.max(0.02), (place.y2 - place.y1).max(0.02));
    let same = subject.class == object.class || (vehicle(&subject.class) && vehicle(&object.class));
    if !same || old.min(new) / old.max(new) < ALIKE {
        return None;
    }
    let expected = subject.expected(now);
    // Who walked out of the picture is not who comes in there.
    let (wide, high) = (subject.size.0 / 2.0, subject.size.1);
    if !(-wide..=1.0 + wide).contains(&expected.x) || !(0.0..=1.0 + high).contains(&expected.y) {
        return None;
    }
    if against(subject, object, aspect) {
        return None;
    }
    let foot = foot(place);
    let away = apart(expected, foot, aspect).min(apart(subject.foot, foot, aspect)) / old;
    let unseen = now.since(subject.seen);
    let reach = if unseen <= WALK_S { REACH + DRIFT * unseen as f32 } else { STAND };
    (away <= reach).then_some(away)
}

/// Who went in at a door is not who comes out of it: both move, one against the other.
fn against(subject: &Subject, object: &v1::Object, aspect: f32) -> bool {
    let (x, y) = subject.velocity();
    let (ax, ay) = (x * aspect, y);
    let (bx, by) = (object.velocity_x * aspect, object.velocity_y);
    let (a, b) = (ax.hypot(ay), bx.hypot(by));
    let moves = STROLL * subject.size.1.max(0.02);
    a > moves && b > moves && ax * bx + ay * by < -0.5 * a * b
}

/// Detectors take one for the other from above.
fn vehicle(class: &str) -> bool {
    matches!(class, "car" | "bus" | "truck" | "motorcycle")
}

/// Distance in shares of the picture's height.
fn apart(a: Point, b: Point, aspect: f32) -> f32 {
    ((a.x - b.x) * aspect).hypot(a.y - b.y)
}
