//! Who a track is, over all its views.

use std::collections::BTreeMap;

use crate::{
    Config, Embedding, Gallery,
    gallery::{Listed, Match, Search},
};

/// The views of one track.
#[derive(Debug, Default)]
pub struct Views {
    /// The quality-weighted sums of the views' vectors.
    sum: Embedding,
    /// How many views were nearest to each person.
    votes: BTreeMap<String, u32>,
    shots: u32,
    weight: f32,
    best: f32,
    /// The widest face that was too narrow to tell, in pixels; 0 for none.
    poor: f32,
}

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
    /// One more view, how good it is (0..1), and who it is nearest to alone.
    pub fn add(&mut self, view: &Embedding, quality: f32, nearest: Option<&str>) {
        let weight = quality.max(0.05);
        let sum = &mut self.sum;
        sum.space.clone_from(&view.space);
        for (sum, view) in [(&mut sum.vector, &view.vector), (&mut sum.plain, &view.plain)] {
            sum.resize(view.len(), 0.0);
            sum.iter_mut().zip(view).for_each(|(sum, value)| *sum += weight * value);
        }
        if let Some(person) = nearest {
            *self.votes.entry(person.to_owned()).or_default() += 1;
        }
        self.shots += 1;
        self.best = self.best.max(quality);
        self.weight += weight;
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

    /// All views as one: their mean, weighted by quality, its vector of length one.
    pub fn fused(&self) -> Embedding {
        let mut fused = self.sum.clone();
        cortex_models::normalise(&mut fused.vector);
        fused.plain.iter_mut().for_each(|value| *value /= self.weight);
        fused
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
        let votes = self.votes.get(&found.person).copied().unwrap_or_default();
        let why = if !enough {
            format!("{} view of {} that are needed", self.shots, config.shots)
        } else if 2 * votes <= self.shots {
            format!("only {votes} of {} views are nearest to one person", self.shots)
        } else {
            return Some(Verdict::Known(found, counts));
        };
        ended.then_some(Verdict::Candidate(found, why))
    }
}
