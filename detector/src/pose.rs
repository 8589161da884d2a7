//! How bodies are held: whose joints are looked for, and which of the answers to believe.
//!
//! Joints cost a model run a person, so they are looked for only where a rule asks, in every n-th analysed picture.
//! Both follow from the rules and from the frame's own number, never from what was seen before: looking may be
//! repeated, and another worker would look at the same people.

use cortex_models::{Detection, Picture, Pose, Rect, class_name};

use cortex_rules::{Needs, geometry};

/// People looked at in one picture; the largest first.
const MOST: usize = 8;
/// Weaker detections are not worth a look: a track needs confident ones.
const CONFIDENT: f32 = 0.4;
/// The crop's longer side per the box's longer side: what MoveNet and RTMPose were trained on.
const MARGIN: f32 = 1.25;
/// Joints from this score on are somewhere (MoveNet's own advice is 0.2 to 0.3).
const SEEN: f32 = 0.3;
/// Joints that two answers must share to be compared.
const SHARED: usize = 5;
/// Two answers whose joints lie closer than this, in sides of the larger box, are one body.
const SAME: f32 = 0.1;

/// Which of the objects are looked at: people whose place a rule asks about, largest first.
pub(crate) fn wanted(objects: &[Detection], picture: &Picture, needs: &Needs) -> Vec<usize> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let asked = |rect: Rect| {
        // From the head to the feet, and as far as it may go until the next look.
        let reach = rect.height() / height / 2.0;
        let (x, y) = (rect.centre().0 / width, rect.centre().1 / height);
        [y, rect.y2 / height].into_iter().any(|y| needs.asks(geometry::Point { x, y }, reach))
    };
    let mut people: Vec<usize> = (0..objects.len())
        .filter(|index| {
            let object = &objects[*index];
            class_name(object.class) == "person" && object.score >= CONFIDENT && asked(object.rect)
        })
        .collect();
    people.sort_by(|a, b| objects[*b].rect.area().total_cmp(&objects[*a].rect.area()));
    people.truncate(MOST);
    people
}

/// The part of the picture that a network of `width` x `height` pixels sees of a person: the box in the middle, the
/// network's ratio.
pub(crate) fn crop(person: Rect, (width, height): (usize, usize)) -> Rect {
    let ratio = width as f32 / height as f32;
    let high = MARGIN * person.height().max(person.width() / ratio).max(1.0);
    let (x, y) = person.centre();
    Rect::new(x - high * ratio / 2.0, y - high / 2.0, x + high * ratio / 2.0, y + high / 2.0)
}

/// Drops answers that tell of somebody else's body: where people overlap, two crops may find the same one. It belongs
/// to the box that holds more of its joints.
pub(crate) fn believe(found: Vec<(usize, Pose)>, objects: &[Detection]) -> Vec<(usize, Pose)> {
    let fit = |(index, pose): &(usize, Pose)| {
        let rect = objects[*index].rect;
        let within = |[x, y, _]: &&[f32; 3]| *x > rect.x1 && *x < rect.x2 && *y > rect.y1 && *y < rect.y2;
        let seen = pose.keypoints.iter().filter(|joint| joint[2] >= SEEN);
        seen.filter(within).map(|joint| joint[2]).sum::<f32>()
    };
    let side = |index: usize| objects[index].rect.width().max(objects[index].rect.height());
    let mut best_first = found;
    best_first.sort_by(|a, b| fit(b).total_cmp(&fit(a)));
    let mut kept: Vec<(usize, Pose)> = Vec::with_capacity(best_first.len());
    for (index, pose) in best_first {
        let same = |(other, theirs): &(usize, Pose)| {
            apart(&pose, theirs).is_some_and(|apart| apart < SAME * side(index).max(side(*other)))
        };
        if !kept.iter().any(same) {
            kept.push((index, pose));
        }
    }
    kept
}

/// Mean distance of the joints that both saw, in pixels.
fn apart(a: &Pose, b: &Pose) -> Option<f32> {
    let pairs = a.keypoints.iter().zip(&b.keypoints).filter(|(a, b)| a[2] >= SEEN && b[2] >= SEEN);
    let (sum, count) =
        pairs.fold((0.0, 0), |(sum, count), (a, b)| (sum + (a[0] - b[0]).hypot(a[1] - b[1]), count + 1));
    (count >= SHARED).then(|| sum / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(x: f32, height: f32) -> Detection {
        Detection { rect: Rect::new(x, 0.0, x + 40.0, height), score: 0.8, class: 0 }
    }

    fn body(x: f32) -> Pose {
        Pose { keypoints: std::array::from_fn(|n| [x + (n % 3) as f32 * 8.0, 10.0 + n as f32 * 6.0, 0.7]) }
    }

    #[test]
    fn the_same_body_is_believed_once_and_belongs_to_its_own_box() {
        let people = [person(0.0, 130.0), person(30.0, 130.0), person(300.0, 130.0)];
        let found = vec![(0, body(42.0)), (1, body(44.0)), (2, body(305.0))];
        let mut kept: Vec<usize> = believe(found, &people).into_iter().map(|(index, _)| index).collect();
        kept.sort_unstable();
        assert_eq!(kept, [1, 2]);
    }

    #[test]
    fn a_crop_keeps_the_ratio_of_the_network() {
        assert_eq!(crop(Rect::new(0.0, 0.0, 40.0, 80.0), (192, 192)), Rect::new(-30.0, -10.0, 70.0, 90.0));
        let wide = crop(Rect::new(0.0, 0.0, 120.0, 40.0), (192, 256));
        assert_eq!((wide.width(), wide.height()), (150.0, 200.0));
    }
}
