//! Makes the value from the tree. What does not fit is reported and taken out, and the rest is tried again, so that
//! one run finds everything that is wrong.

use std::{collections::HashMap, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    Errors, Problem,
    error::{MOST, nearest},
    merge::{self, Tree, shown},
    source::Sources,
};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// Where the element is now, and where it was written: others may have been taken out before it.
    Index {
        now: usize,
        written: usize,
    },
}

/// The place of every element in its list as it was written, by its address.
type Order = HashMap<usize, usize>;

/// Merges, makes the value and validates it.
pub(super) fn load<T: DeserializeOwned>(
    sources: &Sources,
    validate: impl FnOnce(&T) -> Vec<String>,
) -> Result<T, Errors> {
    let mut problems = Vec::new();
    let tree = merge::all(sources, &mut problems);
    let mut order = Order::new();
    tree.values().for_each(|value| note(value, &mut order));
    let mut fit = Fit { sources, problems, tree, order, taken: Vec::new(), lost: false };
    let value = fit.value::<T>();
    if let Some(value) = &value
        && !fit.lost
    {
        for sentence in validate(value) {
            fit.say(sentence);
        }
    }
    match value {
        Some(value) if fit.problems.is_empty() => Ok(value),
        _ => Err(Errors::from(fit.problems)),
    }
}

struct Fit<'a> {
    sources: &'a Sources,
    problems: Vec<Problem>,
    tree: Tree<'a>,
    order: Order,
    /// Keys taken out of entries: that they are missing is not said again.
    taken: Vec<Vec<Step>>,
    /// An element was taken out of a list: what refers to it must not be judged.
    lost: bool,
}

impl Fit<'_> {
    fn value<T: DeserializeOwned>(&mut self) -> Option<T> {
        for _ in 0..2 * MOST {
            let root = Spanned::new(0..0, DeValue::Table(self.tree.clone()));
            let error = match T::deserialize(ValueDeserializer::from(root)) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let found = error.span().and_then(|span| locate(&self.tree, &self.order, span.start));
            let Some((path, at)) = found.filter(|(_, at)| !self.sources.is_default(*at)) else {
                self.problems.push(self.sources.problem_somewhere(error.message()));
                return None;
            };
            self.report(&path, at, error.message());
            self.take_out(&path)?;
        }
        None
    }

    /// Words of serde in ours, with what was probably meant.
    fn report(&mut self, path: &[Step], at: usize, message: &str) {
        let mut quoted = message.split('`').skip(1).step_by(2);
        let word = quoted.next().unwrap_or_default();
        let (text, suggestion) = if message.starts_with("unknown field") {
            (format!("unknown key `{}`{}", shown(word), within(path)), nearest(word, quoted))
        } else if message.starts_with("missing field") {
            let missing = [path, &[Step::Key(word.to_owned())]].concat();
            if self.taken.contains(&missing) {
                return;
            }
            (format!("key `{word}` is missing{}", within(&missing)), None)
        } else if message.starts_with("unknown variant") {
            let known = message.split_once(", expected ").map_or("", |(_, known)| known);
            (
                format!("{} `{}` is not known, expected {known}", name(path), shown(word)),
                nearest(word, quoted),
            )
        } else if let Some((found, expected)) =
            message.strip_prefix("invalid ").and_then(|m| m.split_once(", expected "))
        {
            (format!("{} must be {}, this is {}", name(path), wanted(expected), kind(found)), None)
        } else {
            (format!("{}: {}", name(path), message.lines().next().unwrap_or_default()), None)
        };
        self.problems.push(self.sources.problem(at, text, suggestion));
    }

    /// Takes the guilty value out: a key of an entry, an element of a list; a key of a section gets its default.
    fn take_out(&mut self, path: &[Step]) -> Option<()> {
        let (last, parents) = path.split_last()?;
        let defaults = merge::defaults(self.sources);
        let (within, below) = parents.iter().try_fold(
            (Place::Table(&mut self.tree), Some(&defaults)),
            |(place, defaults), step| {
                Some((place.step(step)?, defaults.and_then(|d| default_table(d, step))))
            },
        )?;
        match (within, last) {
            (Place::Table(table), Step::Key(key)) => {
                let default = below.and_then(|defaults| defaults.get_key_value(key.as_str()));
                table.remove(key.as_str());
                match default {
                    Some((key, value)) => drop(table.insert(key.clone(), value.clone())),
                    None => self.taken.push(path.to_vec()),
                }
            }
            (Place::Array(array), Step::Index { now, .. }) if *now < array.len() => {
                let all = std::mem::replace(array, std::iter::empty().collect());
                *array =
                    all.into_iter().enumerate().filter(|(n, _)| n != now).map(|(_, value)| value).collect();
                self.lost = true;
            }
            _ => return None,
        }
        Some(())
    }

    /// A sentence of the validation, at the key that it begins with.
    fn say(&mut self, sentence: String) {
        let path = sentence.split('`').nth(1).unwrap_or_default();
        let problem = match span_of(&self.tree, path).filter(|at| !self.sources.is_default(*at)) {
            Some(at) => self.sources.problem(at, sentence, None),
            None => self.sources.problem_somewhere(sentence),
        };
        self.problems.push(problem);
    }
}

fn default_table<'t, 'a>(table: &'t DeTable<'a>, step: &Step) -> Option<&'t DeTable<'a>> {
    match step {
        Step::Key(key) => table.get(key.as_str())?.get_ref().as_table(),
        Step::Index { .. } => None,
    }
}

enum Place<'t, 'a> {
    Table(&'t mut DeTable<'a>),
    Array(&'t mut toml::de::DeArray<'a>),
}

impl<'t, 'a> Place<'t, 'a> {
    fn step(self, step: &Step) -> Option<Self> {
        let value = match (self, step) {
            (Self::Table(table), Step::Key(key)) => table.get_mut(key.as_str())?.get_mut(),
            (Self::Array(array), Step::Index { now, .. }) => array.get_mut(*now)?.get_mut(),
            _ => return None,
        };
        match value {
            DeValue::Table(table) => Some(Self::Table(table)),
            DeValue::Array(array) => Some(Self::Array(array)),
            _ => None,
        }
    }
}

fn note(value: &Spanned<DeValue<'_>>, order: &mut Order) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|value| note(value, order)),
        DeValue::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                order.insert(value.span().start, index);
                note(value, order);
            }
        }
        _ => {}
    }
}

/// The smallest value or key at an address, and where it begins.
fn locate(tree: &DeTable<'_>, order: &Order, at: usize) -> Option<(Vec<Step>, usize)> {
    let mut search = Search { order, at, path: Vec::new(), best: None };
    search.table(tree);
    search.best.map(|(_, path, start)| (path, start))
}

struct Search<'s> {
    order: &'s Order,
    at: usize,
    path: Vec<Step>,
    /// Length of its span, path and start.
    best: Option<(usize, Vec<Step>, usize)>,
}

impl Search<'_> {
    fn table(&mut self, tree: &DeTable<'_>) {
        for (key, value) in tree {
            self.path.push(Step::Key(key.get_ref().to_string()));
            self.consider(key.span());
            self.value(value);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) {
        self.consider(value.span());
        match value.get_ref() {
            DeValue::Table(inner) => self.table(inner),
            DeValue::Array(array) => {
                for (now, value) in array.iter().enumerate() {
                    let written = self.order.get(&value.span().start).copied().unwrap_or(now);
                    self.path.push(Step::Index { now, written });
                    self.value(value);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn consider(&mut self, span: Range<usize>) {
        let smaller =
            |best: &(usize, Vec<Step>, usize)| (span.len(), best.1.len()) <= (best.0, self.path.len());
        if span.contains(&self.at) && self.best.as_ref().is_none_or(smaller) {
            self.best = Some((span.len(), self.path.clone(), span.start));
        }
    }
}

/// Where the value of a path such as `zones[1].camera` was written; of the nearest value above it when it was not.
fn span_of(tree: &DeTable<'_>, path: &str) -> Option<usize> {
    let mut place = None;
    let mut table = Some(tree);
    for part in path.split('.') {
        let (key, index) = match part.split_once('[') {
            Some((key, index)) => (key, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some(mut value) = table.and_then(|table| table.get(key)) else { break };
        if let (Some(index), DeValue::Array(array)) = (index, value.get_ref()) {
            value = array.get(index)?;
        }
        place = Some(value.span().start);
        table = value.get_ref().as_table();
    }
    place
}

/// `detector.hidden_s` or `zones[1].camera`, in backticks.
fn name(path: &[Step]) -> String {
    let mut name = String::new();
    for step in path {
        match step {
            Step::Key(key) if name.is_empty() => name.push_str(&shown(key)),
            Step::Key(key) => name.push_str(&format!(".{}", shown(key))),
            Step::Index { written, .. } => name.push_str(&format!("[{written}]")),
        }
    }
    format!("`{name}`")
}

/// Words of serde for a type, in ours.
fn wanted(expected: &str) -> &str {
    match expected {
        "f32" | "f64" => "a number",
        "usize" | "u8" | "u16" | "u32" | "u64" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other,
    }
}

/// What was found, as `type: string "x"` or ``value: integer `-2` ``. Words are not shown: they may be secret.
fn kind(found: &str) -> &str {
    let (_, found) = found.split_once(": ").unwrap_or(("", found));
    match found.split([' ', '`', '"']).next().unwrap_or_default() {
        "string" => "a string",
        "integer" | "floating" => found.split('`').nth(1).unwrap_or("a number"),
        "boolean" => "true or false",
        "map" => "a table",
        "sequence" => "a list",
        _ => found,
    }
}

/// The table that a path is in.
fn within(path: &[Step]) -> String {
    match path.split_last() {
        Some((_, parents)) if !parents.is_empty() => format!(" in {}", name(parents)),
        _ => String::new(),
    }
}
