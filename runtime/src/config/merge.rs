//! Lays one text over another: what it may set is what is there.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Problem, bounds,
    error::{MOST, nearest},
    source::{Sources, Text},
};

/// A tree whose spans are addresses in [`Sources`].
pub(super) type Tree<'a> = DeTable<'a>;

/// Keys in the name of a variable.
const DEEPEST: usize = 4;

/// The tree of the defaults.
pub(super) fn defaults(sources: &Sources) -> Tree<'_> {
    DeTable::parse(&sources.0[0].text).expect("the defaults are ours and are TOML").into_inner()
}

/// Lays every text over the defaults, and says which keys and types do not fit.
pub(super) fn all<'a>(sources: &'a Sources, problems: &mut Vec<Problem>) -> Tree<'a> {
    let mut tree = defaults(sources);
    for text in &sources.0[1..] {
        let over = if text.path.is_empty() {
            file(sources, text, problems)
        } else {
            variable(sources, text, &tree, problems)
        };
        if let Some(over) = over {
            let reference = defaults(sources);
            Merge { sources, problems, root: &reference }.table(&mut tree, over, &reference, "");
        }
    }
    tree
}

/// The tree of a file.
fn file<'a>(sources: &Sources, text: &'a Text, problems: &mut Vec<Problem>) -> Option<Tree<'a>> {
    let (table, errors) = DeTable::parse_recoverable(&text.text);
    for error in errors.iter().take(MOST) {
        let at = text.address(error.span().unwrap_or(0..0)).start;
        problems.push(sources.problem(at, format!("is not TOML: {}", error.message()), None));
    }
    if !errors.is_empty() {
        return None;
    }
    let value = DeValue::Table(table.into_inner());
    if let Err(why) = bounds::check(&value) {
        problems.push(sources.problem(text.base, why, None));
        return None;
    }
    match rebase(value, text) {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// The tree of a variable: its value at its path. A value that is not TOML, or stands where a string is, is a string.
fn variable<'a>(
    sources: &Sources,
    text: &'a Text,
    tree: &Tree<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Tree<'a>> {
    if text.path.len() > DEEPEST {
        problems.push(sources.problem(text.base, "names no key: sections are not nested so deep", None));
        return None;
    }
    let string = || Spanned::new(0..text.text.len(), DeValue::String(text.text.as_str().into()));
    let parsed = match value_at(tree, &text.path) {
        Some(DeValue::String(_)) => string(),
        _ => DeValue::parse(&text.text).unwrap_or_else(|_| string()),
    };
    if let Err(why) = bounds::check(parsed.get_ref()) {
        problems.push(sources.problem(text.base, why, None));
        return None;
    }
    let span = text.address(parsed.span());
    let mut value = Spanned::new(span.clone(), rebase(parsed.into_inner(), text));
    for key in text.path.iter().skip(1).rev() {
        let mut table = DeTable::new();
        table.insert(Spanned::new(span.clone(), key.as_str().into()), value);
        value = Spanned::new(span.clone(), DeValue::Table(table));
    }
    let mut table = DeTable::new();
    table.insert(Spanned::new(span, text.path[0].as_str().into()), value);
    Some(table)
}

fn value_at<'t, 'a>(tree: &'t Tree<'a>, path: &[String]) -> Option<&'t DeValue<'a>> {
    let (last, tables) = path.split_last()?;
    let table = tables.iter().try_fold(tree, |table, key| table.get(key.as_str())?.get_ref().as_table())?;
    table.get(last.as_str()).map(Spanned::get_ref)
}

/// The same value with addresses for spans.
fn rebase<'a>(value: DeValue<'a>, text: &Text) -> DeValue<'a> {
    let moved = |value: Spanned<DeValue<'a>>| {
        Spanned::new(text.address(value.span()), rebase(value.into_inner(), text))
    };
    match value {
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| (Spanned::new(text.address(key.span()), key.into_inner()), moved(value)))
                .collect(),
        ),
        DeValue::Array(array) => DeValue::Array(array.into_iter().map(moved).collect()),
        other => other,
    }
}

struct Merge<'m, 'a> {
    sources: &'m Sources,
    problems: &'m mut Vec<Problem>,
    root: &'m Tree<'a>,
}

impl<'a> Merge<'_, 'a> {
    /// `reference` is what `below` was before anything was laid over it: it has the types.
    fn table(&mut self, below: &mut Tree<'a>, over: Tree<'a>, reference: &Tree<'a>, path: &str) {
        for (key, value) in over {
            let name = key.get_ref().to_string();
            let full = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let Some(old) = reference.get(name.as_str()) else {
                self.unknown(key.span().start, &name, path, reference);
                continue;
            };
            match (old.get_ref(), value.get_ref()) {
                (DeValue::Table(old), DeValue::Table(_)) => {
                    let below = below.get_mut(name.as_str()).map(Spanned::get_mut);
                    if let (Some(DeValue::Table(below)), DeValue::Table(value)) = (below, value.into_inner())
                    {
                        self.table(below, value, old, &full);
                    }
                }
                (old, new) if old.same_type(new) || (old.is_float() && new.is_integer()) => {
                    // Removed first, because a map keeps the key that it has, and with it the old place.
                    below.remove(name.as_str());
                    below.insert(key, value);
                }
                (old, new) => {
                    let text = format!("`{full}` must be {}, this is {}", article(old), article(new));
                    self.problems.push(self.sources.problem(value.span().start, text, None));
                }
            }
        }
    }

    fn unknown(&mut self, at: usize, name: &str, path: &str, table: &Tree<'a>) {
        let here = nearest(name, table.keys().map(|key| key.get_ref().as_ref()));
        let elsewhere = || {
            let mut sections = self.root.iter();
            let found =
                sections.find(|(_, value)| value.get_ref().as_table().is_some_and(|t| t.contains_key(name)));
            found.map(|(section, _)| format!("{}.{name}", section.get_ref()))
        };
        let suggestion = here.or_else(elsewhere);
        let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
        self.problems.push(self.sources.problem(
            at,
            format!("unknown key `{}`{place}", shown(name)),
            suggestion,
        ));
    }
}

/// A word of outside, short enough and without control characters for a terminal.
pub(super) fn shown(word: &str) -> String {
    word.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string in quotes",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
