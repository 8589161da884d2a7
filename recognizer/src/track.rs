//! Who a track is, over all its views.

use crate::{
    Config, Embedding, Gallery,
    gallery::{Listed, Match, Search},
};

/// The views of one track.
#[derive(Debug, Default)]
pub struct Views {
    /// The best views, each with how good it is.
    kept: Vec<(Embedding, f32)>,
    shots: u32,
    best: f32,
    /// The widest face that was too narrow to tell, in pixels; 0 for none.
    poor: f32,
}

/// Views that are kept of a track.
const KEPT: usize = 16;
/// The least that a view weighs.
const LEAST: f32 = 0.05;

/// What is decided of a track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Somebody, and the lists for which that counts.
    Known(Match, Vec<Listed>),
    /// Somebody may be on a list, and there is too little to say so.
    Candidate(Match, String),
    /// Nobody who is looked for; who is nearest, where anybody is.
    Unknown(Option<Match>, String),
    /// No view was good enough; the widest face in pixels.
    TooPoor(f32),
}

impl Views {
    /// One more view, and how good it is, 0..1. When there are many, the poorest goes.
    pub fn add(&mut self, view: &Embedding, quality: f32) {
        self.kept.push((view.clone(), quality));
        if self.kept.len() > KEPT {
            let poorest = (0..KEPT).min_by(|a, b| self.kept[*a].1.total_cmp(&self.kept[*b].1));
            poorest.map(|place| self.kept.swap_remove(place));
        }
        self.shots += 1;
        self.best = self.best.max(quality);
    }

    /// A view of a face so many pixels wide, which is too narrow to tell.
    pub(crate) fn poor(&mut self, width: f32) {
        self.poor = self.poor.max(width);
    }

    /// How many views there are.
    pub fn shots(&self) -> u32 {
        self.shots
    }

    /// The best view's quality, 0..1.
    pub fn best(&self) -> f32 {
        self.best
    }

    /// All views as one: their mean, weighted by quality, its vector of length one; empty before the first view.
    pub fn fused(&self) -> Embedding {
        let mut sum = Embedding::default();
        let mut weights = 0.0;
        for (view, quality) in &self.kept {
            let weight = quality.max(LEAST);
            sum.space.clone_from(&view.space);
            for (sum, view) in [(&mut sum.vector, &view.vector), (&mut sum.plain, &view.plain)] {
                sum.resize(view.len(), 0.0);
                sum.iter_mut().zip(view).for_each(|(sum, value)| *sum += weight * value);
            }
            weights += weight;
        }
        cortex_models::normalise(&mut sum.vector);
        sum.plain.iter_mut().for_each(|value| *value /= weights);
        sum
    }

    /// How many views are, alone, nearest to a person.
    fn votes(&self, gallery: &Gallery, person: &str) -> usize {
        let nearest = |(view, _): &&(Embedding, f32)| matches!(gallery.search(view), Search::Nearest(found) if found.person == person);
        self.kept.iter().filter(nearest).count()
    }

    /// What the views say together. `ended`: no more will come. `None` while it is too early to tell, or when nobody is
    /// looked for.
    pub(crate) fn judge(&self, gallery: &Gallery, config: &Config, ended: bool) -> Option<Verdict> {
        if self.shots == 0 {
            let poor = ended && self.poor > 0.0 && gallery.looks_for_anybody();
            return poor.then_some(Verdict::TooPoor(self.poor));
        }
        let enough = self.shots as usize >= config.shots;
        if !(enough || ended) {
            return None;
        }
        let found = match gallery.search(&self.fused()) {
            Search::Nearest(found) => found,
            Search::Off if gallery.strangers().is_none() => return None,
            Search::Off => return ended.then(|| Verdict::Unknown(None, "nobody is looked for".to_owned())),
        };
        let counts: Vec<Listed> =
            found.lists.iter().filter(|listed| found.similarity >= listed.threshold).cloned().collect();
        // Not known yet: better views may still come.
        if counts.is_empty() || found.denied {
            let why = if found.denied {
                "nearer to a face that is known not to be theirs".to_owned()
            } else {
                format!("similarity {:.3} against {:.3}", found.similarity, found.threshold())
            };
            return ended.then_some(Verdict::Unknown(Some(found), why));
        }
        let why = if !enough {
            format!("{} view of {} that are needed", self.shots, config.shots)
        } else {
            let votes = self.votes(gallery, &found.person);
            if 2 * votes > self.kept.len() {
                return Some(Verdict::Known(found, counts));
            }
            format!("only {votes} of {} views are nearest to one person", self.kept.len())
        };
        ended.then_some(Verdict::Candidate(found, why))
    }
}
