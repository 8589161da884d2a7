//! Which face belongs to which person.

use cortex_models::{Face, Rect};

/// For each face the index of the person it belongs to: its centre lies in the upper part of the person's box, and of
/// several persons the one whose head is nearest. No person gets two faces.
pub(crate) fn bind(faces: &[Face], people: &[Rect]) -> Vec<Option<usize>> {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (index, face) in faces.iter().enumerate() {
        let (x, y) = face.rect.centre();
        for (person, rect) in people.iter().enumerate() {
            let within = x > rect.x1 && x < rect.x2 && y > rect.y1 - face.rect.height() / 2.0;
            if within && y < rect.y1 + rect.height() * UPPER {
                let (px, _) = rect.centre();
                let distance =
                    ((x - px) / rect.width().max(1.0)).abs() + ((y - rect.y1) / rect.height().max(1.0)).abs();
                pairs.push((distance, index, person));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bound = vec![None; faces.len()];
    let mut taken = vec![false; people.len()];
    for (_, face, person) in pairs {
        if bound[face].is_none() && !taken[person] {
            bound[face] = Some(person);
            taken[person] = true;
        }
    }
    bound
}

/// The share of a person's box in which a face may be.
const UPPER: f32 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_side_by_side_keep_their_faces() {
        let face =
            |x: f32| Face { rect: Rect::new(x, 10.0, x + 20.0, 34.0), score: 0.9, landmarks: [[0.0; 2]; 5] };
        let people = [Rect::new(0.0, 0.0, 60.0, 200.0), Rect::new(40.0, 0.0, 100.0, 200.0)];
        assert_eq!(bind(&[face(60.0), face(18.0), face(300.0)], &people), [Some(1), Some(0), None]);
    }
}
