//! Who a track is, over all its views.

use crate::{Config, Embedding, Gallery, gallery::Match};

/// The views of one track.
#[derive(Debug, Default)]
pub struct Views {
    /// The quality-weighted sum of the views' vectors.
    sum: Vec<f32>,
    /// How many views are in it.
    pub(crate) shots: u32,
    /// The best view's quality.
    pub(crate) best: f32,
}

/// What is decided of a track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Somebody of the gallery.
    Known(Match),
    /// Nobody of the gallery; the nearest similarity, -1 in an empty one.
    Unknown(f32),
}

impl Views {
    /// One more view, of this quality, 0..1.
    pub fn add(&mut self, view: &Embedding, quality: f32) {
        self.sum.resize(view.0.len(), 0.0);
        let weight = quality.max(0.05);
        self.sum.iter_mut().zip(&view.0).for_each(|(sum, value)| *sum += weight * value);
        self.shots += 1;
        self.best = self.best.max(quality);
    }

    /// The mean of the views' vectors, weighted by their quality, of length one; empty before the first view.
    pub fn mean(&self) -> Embedding {
        let mut mean = self.sum.clone();
        cortex_models::normalise(&mut mean);
        Embedding(mean)
    }

    /// What the views say together. `ended`: no more will come. `None` while it is too early to tell.
    pub(crate) fn judge(
        &self,
        gallery: &Gallery,
        space: &str,
        config: &Config,
        ended: bool,
    ) -> Option<Verdict> {
        let enough = self.shots as usize >= config.shots;
        if self.shots == 0 || !(enough || ended) {
            return None;
        }
        match gallery.nearest(&self.mean(), space) {
            Some(found) if found.similarity >= config.threshold && enough => Some(Verdict::Known(found)),
            // One good view is too little for a match, and no sign of a stranger either.
            Some(found) if found.similarity >= config.threshold => None,
            // Not known yet: better views may still come.
            found if ended => Some(Verdict::Unknown(found.map_or(-1.0, |found| found.similarity))),
            _ => None,
        }
    }
}
