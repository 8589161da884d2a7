//! Threshold cards: which cosine similarity a share of false matches needs in an embedding space, as it was measured.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What was measured in one embedding space.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The space.
    pub embedding_space: String,
    /// What was measured; one of each kind a model.
    pub measurements: Vec<Measurement>,
}

/// One run over one set of pictures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// How.
    pub kind: Kind,
    /// Name of the model in the manifest.
    pub model: String,
    /// SHA-256 of its file, in hex; empty when that was not kept.
    pub sha256: String,
    /// Which pictures, and who says so.
    pub source: String,
    /// What makes it again.
    pub command: String,
    /// How many people each trial is held against; the best of somebody's pictures counts.
    pub people: usize,
    /// How many trials of people who are not among them were made.
    pub trials: usize,
    /// What was found.
    pub points: Vec<Point>,
}

/// How false matches were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 1:1, pairs of pictures of different people.
    Pairs,
    /// 1:N, pictures of strangers against a list.
    Watchlist,
}

/// A threshold and what it lets through.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Share of the trials that matched somebody, above 0 and below 1.
    pub false_alarms: f64,
    /// Cosine similarity from which a match is one.
    pub threshold: f64,
}

/// Why a card cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The file cannot be read.
    #[error("read the threshold card {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not a card.
    #[error("read a threshold card: {0}")]
    Parse(#[from] toml::de::Error),
    /// A card that says nothing, or nothing possible.
    #[error("threshold card of `{0}`: {1}")]
    Refused(String, String),
}

/// No threshold is above it: at a cosine of one only the same picture would match.
const STRICTEST: f64 = 0.999;

impl Card {
    /// A card from text.
    ///
    /// # Errors
    /// It is none, a number is impossible, or fewer than two points say anything: see [`Card::threshold`].
    pub fn parse(text: &str) -> Result<Self, CardError> {
        let card: Self = toml::from_str(text)?;
        card.check()?;
        Ok(card)
    }

    /// Takes a measurement in, in place of the one of the same kind and model.
    ///
    /// # Errors
    /// As [`Card::parse`]; the card is as before then.
    pub fn put(&mut self, measurement: Measurement) -> Result<(), CardError> {
        let mut changed = self.clone();
        let same = |old: &Measurement| (old.kind, &old.model) == (measurement.kind, &measurement.model);
        match changed.measurements.iter().position(same) {
            Some(place) => changed.measurements[place] = measurement,
            None => changed.measurements.push(measurement),
        }
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// The cosine similarity from which a face may be said to be one of `people`, so that of faces that are of none of
    /// them a share of `false_alarms` is said to be one.
    ///
    /// The share is brought to one comparison with one person, `1 - (1 - false_alarms)^(1 / people)`, and so are the
    /// points. Between two points the threshold is linear in the logarithm of that rate; below the lowest rate it goes
    /// on rising as between the last two, up to 0.999; above the highest it is that point's. A point that asks for no more
    /// than one of a higher rate is passed over, so a lower rate never has a lower threshold. A share of zero or less,
    /// or none, is 0.999; no people count as one.
    pub fn threshold(&self, false_alarms: f64, people: usize) -> f32 {
        if false_alarms.is_nan() || false_alarms <= 0.0 {
            return STRICTEST as f32;
        }
        let (points, wanted) = (self.points(), rate(false_alarms, people).log10());
        let above = points.partition_point(|point| point.0 >= wanted);
        if above == 0 {
            return points[0].1 as f32;
        }
        let upper = above.min(points.len() - 1);
        let ((x1, y1), (x2, y2)) = (points[upper - 1], points[upper]);
        let threshold = y1 + (wanted - x1) / (x2 - x1) * (y2 - y1);
        threshold.min(STRICTEST) as f32
    }

    /// The card as text that [`Card::parse`] reads, with the same bytes each time.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).expect("a card has nothing that TOML cannot say");
        let mut text = HEADER.to_owned();
        write!(text, "\n{body}").expect("memory does not fail to be written");
        text
    }

    /// Logarithm of the rate and threshold of every point that counts, highest rate and lowest threshold first.
    fn points(&self) -> Vec<(f64, f64)> {
        let of = |measured: &Measurement| {
            let people = measured.people;
            let point = move |point: &Point| (rate(point.false_alarms, people).log10(), point.threshold);
            measured.points.iter().map(point).collect::<Vec<_>>()
        };
        let mut all: Vec<(f64, f64)> = self.measurements.iter().flat_map(of).collect();
        // Of one rate the strictest threshold.
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
        let mut kept: Vec<(f64, f64)> = Vec::with_capacity(all.len());
        for point in all {
            if kept.last().is_none_or(|last| last.0 > point.0 && last.1 < point.1) {
                kept.push(point);
            }
        }
        kept
    }

    fn check(&self) -> Result<(), CardError> {
        let refused = |why: String| Err(CardError::Refused(self.embedding_space.clone(), why));
        for measured in &self.measurements {
            let what = || format!("{:?} of {}", measured.kind, measured.model);
            if measured.people == 0 || measured.trials == 0 {
                return refused(format!("{}: `people` and `trials` are at least 1", what()));
            }
            for Point { false_alarms, threshold } in &measured.points {
                if !(*false_alarms > 0.0 && *false_alarms < 1.0 && threshold.abs() < 1.0) {
                    return refused(format!(
                        "{}: `false_alarms` lies between 0 and 1, `threshold` between -1 and 1",
                        what()
                    ));
                }
            }
        }
        match self.points().len() {
            0 | 1 => refused(
                "two points are needed, of which the one with fewer false matches has the higher threshold; measure \
                 with more pictures of different people"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

/// What stands above every card.
const HEADER: &str = "\
# Which cosine similarity a share of false matches needs in one embedding space, as it was measured.
# `cortex eval faces` and `cortex eval watchlist` write this with --card; models/README.md says how it is read.
";

/// False matches of one comparison with one person, from those of a search over `people`.
fn rate(false_alarms: f64, people: usize) -> f64 {
    // 1 - (1 - f)^(1/n) without losing the digits of a small f.
    -f64::exp_m1(f64::ln_1p(-false_alarms.min(1.0)) / people.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;

    fn shipped() -> Card {
        Manifest::shipped().card("dlib-resnet-128").unwrap().expect("it names one")
    }

    fn near(card: &Card, false_alarms: f64, people: usize, expected: f32) {
        let got = card.threshold(false_alarms, people);
        assert!((got - expected).abs() < 1e-4, "{got} for {false_alarms} of {people}, not {expected}");
    }

    #[test]
    fn the_shipped_card_gives_back_what_was_measured() {
        let card = shipped();
        near(&card, 0.01, 1, 0.905);
        near(&card, 0.001, 1, 0.917);
        near(&card, 0.01, 80, 0.946);
        // Half way between 1e-2 and 1e-3 in the logarithm.
        near(&card, 0.003_162_28, 1, 0.911);
        // A tenth of the lowest measured rate: further by 0.029 in 0.9008 decades, so by 0.0322 in one.
        near(&card, 0.001_004_5, 80, 0.946 + 0.0322);
        assert_eq!(card.embedding_space, "dlib-resnet-128");
    }

    #[test]
    fn what_was_not_measured_is_on_the_safe_side() {
        let card = shipped();
        near(&card, 0.2, 1, 0.905); // looser than any point: that point's
        near(&card, 1.0, 3, 0.905);
        for never in [0.0, -1.0, f64::NAN] {
            near(&card, never, 1, 0.999);
        }
        near(&card, 1e-9, 100_000, 0.999);
        near(&card, 0.01, 0, 0.905); // nobody counts as one
        let more: Vec<f32> = [1, 10, 100, 1_000, 1_000_000].map(|n| card.threshold(0.05, n)).into();
        assert!(more.is_sorted() && more[0] < more[3], "{more:?}");
    }

    #[test]
    fn a_stricter_rate_never_has_a_lower_threshold() {
        let mut card = shipped();
        let mut easy = card.measurements[0].clone();
        easy.model = "another".into();
        easy.points = vec![Point { false_alarms: 1e-5, threshold: 0.90 }];
        card.put(easy).unwrap();
        near(&card, 0.001, 1, 0.917);
        assert!(card.threshold(1e-5, 1) > 0.946);
    }

    #[test]
    fn a_measurement_takes_the_place_of_its_like_and_survives_the_file() {
        let mut card = shipped();
        let mut again = card.measurements[1].clone();
        again.points = vec![
            Point { false_alarms: 0.05, threshold: 0.93 },
            Point { false_alarms: 0.01, threshold: 0.95 },
        ];
        card.put(again).unwrap();
        assert_eq!(card.measurements.len(), 2);
        near(&card, 0.01, 80, 0.95);
        let text = card.to_toml();
        assert_eq!(Card::parse(&text).unwrap(), card, "{text}");
        assert!(text.starts_with('#'), "{text}");
    }

    #[test]
    fn a_card_without_two_points_or_with_impossible_ones_is_refused() {
        let with = |points: Vec<Point>| {
            let mut card = shipped();
            card.measurements.truncate(1);
            card.measurements[0].points = points;
            Card::parse(&toml::to_string(&card).unwrap()).map_err(|error| error.to_string())
        };
        let point = |false_alarms, threshold| Point { false_alarms, threshold };
        assert!(with(vec![point(0.01, 0.9), point(0.001, 0.91)]).is_ok());
        assert!(with(vec![point(0.01, 0.9)]).unwrap_err().contains("two points"));
        assert!(with(vec![point(0.01, 0.9), point(0.001, 0.9)]).unwrap_err().contains("two points"));
        assert!(with(vec![point(0.01, 0.9), point(0.0, 0.95)]).unwrap_err().contains("between 0 and 1"));
        assert!(with(vec![point(0.01, 0.9), point(0.1, f64::NAN)]).is_err());
        assert!(Card::parse("embedding_space = 'x'\nmeasurements = []\ncolour = 1").is_err());
    }
}
