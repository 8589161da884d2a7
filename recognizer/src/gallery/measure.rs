//! How alike two vectors of an embedding space are.

use crate::import::FACEAPI_128;

/// What makes vectors of a space alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// The cosine of the angle between vectors of length one.
    Cosine,
    /// The distance of raw vectors; as a similarity, one less it.
    Distance,
}

impl Measure {
    /// That of a space.
    pub(crate) fn of(space: &str) -> Self {
        if space == FACEAPI_128 { Self::Distance } else { Self::Cosine }
    }

    /// What the index adds to a template's inner product with a probe, so that the most alike scores highest: the nearest by
    /// distance has the highest p·v - |v|²/2.
    pub(crate) fn bias(self, template: &[f32]) -> f32 {
        match self {
            Self::Cosine => 0.0,
            Self::Distance => -square(template) / 2.0,
        }
    }

    /// The similarity that a score of the index means for a probe.
    pub(crate) fn similarity(self, probe: &[f32], score: f32) -> f32 {
        match self {
            Self::Cosine => score,
            Self::Distance => 1.0 - (square(probe) - 2.0 * score).max(0.0).sqrt(),
        }
    }

    /// The similarity of two vectors.
    pub(crate) fn between(self, a: &[f32], b: &[f32]) -> f32 {
        let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        self.similarity(a, product + self.bias(b))
    }
}

fn square(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum()
}
