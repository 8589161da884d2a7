//! How well a gallery tells its people apart, by itself: each template is left out in turn and searched for.

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::v1;

use crate::{
    Error, Gallery, Person, Template,
    gallery::{Index, Measure},
    sightings,
};

/// A threshold is advised for this share of false alarms when none is named.
const FALSE_ALARMS: f64 = 0.01;
const MOST_FALSE_ALARMS: f64 = 0.5;
/// A face is turned to one side from here on.
const TURNED: f32 = 0.25;
/// Cameras see people worse than their enrolment when their similarities are lower by so much.
const DRIFT: f32 = 0.02;
/// People named in one sentence of advice.
const NAMED: usize = 5;

/// One person's templates of a space.
struct Own<'a> {
    id: &'a str,
    templates: Vec<&'a Template>,
}

/// Checks every embedding space.
pub(crate) fn check(gallery: &Gallery, request: &v1::CheckRequest) -> Result<v1::CheckResponse, Error> {
    let rate = if request.false_alarms == 0.0 { FALSE_ALARMS } else { request.false_alarms };
    if !(rate > 0.0 && rate <= MOST_FALSE_ALARMS) {
        return Err(Error::Refused(format!("false_alarms: above 0 and at most {MOST_FALSE_ALARMS}")));
    }
    let mut people: Vec<Person> = Vec::new();
    for known in gallery.people() {
        people.extend(gallery.read(&known.id)?);
    }
    let spaces: BTreeSet<&str> =
        people.iter().flat_map(|person| &person.templates).map(|template| template.space.as_str()).collect();
    let check = |space: &&str| space_check(gallery, space, &people, rate);
    Ok(v1::CheckResponse { spaces: spaces.iter().map(check).collect::<Result<_, _>>()? })
}

fn space_check(
    gallery: &Gallery,
    space: &str,
    people: &[Person],
    rate: f64,
) -> Result<v1::GalleryCheck, Error> {
    // Whoever was merged counts as the person they are.
    let mut own: BTreeMap<&str, Vec<&Template>> = BTreeMap::new();
    for person in people {
        let root = if person.merged_into.is_empty() { &person.id } else { &person.merged_into };
        let templates = person.templates.iter().filter(|template| template.space == space);
        own.entry(root).or_default().extend(templates);
    }
    let own: Vec<Own<'_>> = own
        .into_iter()
        .filter(|(_, templates)| !templates.is_empty())
        .map(|(id, templates)| Own { id, templates })
        .collect();
    let dimension = own.first().map_or(1, |person| person.templates[0].vector.len());
    let measure = Measure::of(space);
    let rows = own.iter().enumerate().flat_map(|(owner, person)| {
        let vectors = person.templates.iter().map(|template| template.vector.as_slice());
        vectors.map(move |vector| (owner as u32, measure.bias(vector), vector))
    });
    let index = Index::new(dimension, rows);
    let threshold = gallery.card(space).map_or(1.0, |card| card.threshold(rate, own.len()));
    let (mut own_best, mut strangers, mut missed, mut confused) = (Vec::new(), Vec::new(), 0, 0);
    let mut closest: Option<v1::ClosestPair> = None;
    let mut poorest: BTreeSet<&str> = BTreeSet::new();
    for (place, person) in own.iter().enumerate() {
        for (n, template) in person.templates.iter().enumerate() {
            let others = person.templates.iter().enumerate().filter(|(other, _)| *other != n);
            let best = others
                .map(|(_, other)| measure.between(&template.vector, &other.vector))
                .fold(f32::NEG_INFINITY, f32::max);
            let stranger = index.nearest(&template.vector, |owner| owner as usize != place);
            if best.is_finite() {
                own_best.push(best);
                missed += u32::from(best < threshold);
                if best < threshold {
                    poorest.insert(person.id);
                }
            }
            let Some(stranger) = stranger else { continue };
            let other = &own[stranger.owner as usize];
            let alike = measure.between(&template.vector, index.vector(stranger.template));
            confused += u32::from(best.is_finite() && alike > best);
            strangers.push(alike);
            if closest.as_ref().is_none_or(|closest| alike > closest.similarity) {
                closest = Some(v1::ClosestPair {
                    person: person.id.to_owned(),
                    other: other.id.to_owned(),
                    similarity: alike,
                });
            }
        }
    }
    let seen = seen(gallery, &own)?;
    let advice = advice(&Findings {
        own: &own,
        own_best: separation(&own_best),
        seen: separation(&seen),
        strangers: separation(&strangers),
        closest: closest.as_ref(),
        poorest: &poorest,
        threshold,
        imported: measure == Measure::Distance,
    });
    Ok(v1::GalleryCheck {
        space: space.to_owned(),
        people: own.len() as u32,
        templates: index.len() as u32,
        own: Some(separation(&own_best)),
        strangers: Some(separation(&strangers)),
        confused,
        closest,
        threshold,
        missed,
        seen: Some(separation(&seen)),
        advice,
    })
}

/// How similar people were when cameras recognised them.
fn seen(gallery: &Gallery, own: &[Own<'_>]) -> Result<Vec<f32>, Error> {
    let mut all = Vec::new();
    for person in own {
        let request = v1::SightingsRequest { person: person.id.to_owned(), from_us: 0, to_us: 0 };
        all.extend(sightings::of(gallery.store(), &request)?.iter().map(|sighting| sighting.similarity));
    }
    Ok(all)
}

struct Findings<'a> {
    own: &'a [Own<'a>],
    own_best: v1::Separation,
    seen: v1::Separation,
    strangers: v1::Separation,
    closest: Option<&'a v1::ClosestPair>,
    poorest: &'a BTreeSet<&'a str>,
    threshold: f32,
    imported: bool,
}

fn advice(found: &Findings<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    let threshold = found.threshold;
    if let Some(pair) = found.closest.filter(|pair| pair.similarity >= threshold) {
        advice.push(format!(
            "{} and {} are as alike ({:.3}) as one person is: merge them if they are one, otherwise expect one to be taken \
             for the other",
            pair.person, pair.other, pair.similarity
        ));
    }
    if !found.poorest.is_empty() {
        let named: Vec<&str> = found.poorest.iter().take(NAMED).copied().collect();
        advice.push(format!(
            "{} people have a picture that the others of themselves do not reach at {threshold:.3}: enrol better ones of {}; \
             a lower threshold would let strangers in",
            found.poorest.len(),
            named.join(", ")
        ));
    }
    let missing = |side: fn(f32) -> bool| {
        found.own.iter().filter(|person| !person.templates.iter().any(|template| side(template.turn))).count()
    };
    let single = found.own.iter().filter(|person| person.templates.len() < 2).count();
    if single > 0 {
        advice.push(format!("{single} people have one picture: a second one makes misses rarer"));
    }
    let (left, right) = (missing(|turn| turn < -TURNED), missing(|turn| turn > TURNED));
    if !found.imported && (left > 0 || right > 0) {
        advice.push(format!(
            "poses missing: {left} people have no picture turned to the left, {right} none turned to the right"
        ));
    }
    if found.seen.count > 0 && found.own_best.count > 0 && found.seen.median < found.own_best.median - DRIFT {
        advice.push(format!(
            "cameras see people less alike (median {:.3}) than their pictures are to each other ({:.3}): enrol pictures of \
             the cameras' own kind",
            found.seen.median, found.own_best.median
        ));
    }
    if found.strangers.count > 0 && found.strangers.highest < threshold && advice.is_empty() {
        advice.push(format!(
            "nothing to do: the most alike of two people are at {:.3}, below {threshold:.3}",
            found.strangers.highest
        ));
    }
    if found.imported {
        advice.push(
            "imported descriptors are of another crop: enrol these people anew from pictures".to_owned(),
        );
    }
    advice
}

fn separation(values: &[f32]) -> v1::Separation {
    let mut values = values.to_vec();
    values.sort_by(f32::total_cmp);
    v1::Separation {
        lowest: values.first().copied().unwrap_or_default(),
        median: values.get(values.len() / 2).copied().unwrap_or_default(),
        highest: values.last().copied().unwrap_or_default(),
        count: values.len() as u32,
    }
}
