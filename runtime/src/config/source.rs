//! Where a value was written. All texts lie in one line of addresses, so that a span says which text it is of.

use std::{ops::Range, path::Path};

use super::Problem;

/// A text that sets keys.
#[derive(Debug)]
pub(super) struct Text {
    name: String,
    pub(super) text: String,
    /// Address of its first byte.
    pub(super) base: usize,
    /// The keys that it sets, for a variable; empty for a file.
    pub(super) path: Vec<String>,
}

/// The defaults first, then what overrides them, in order.
#[derive(Debug)]
pub(super) struct Sources(pub(super) Vec<Text>);

impl Sources {
    pub(super) fn new(defaults: &str) -> Self {
        let text =
            Text { name: "default.toml".to_owned(), text: defaults.to_owned(), base: 0, path: Vec::new() };
        Self(vec![text])
    }

    pub(super) fn file(&mut self, path: &Path, text: String) {
        self.add(path.display().to_string(), text, Vec::new());
    }

    /// A variable whose name after the prefix is `keys`: `STORE__BUDGET_GIB`.
    pub(super) fn variable(&mut self, name: &str, keys: &str, value: String) {
        let path = keys.split("__").map(str::to_lowercase).collect();
        self.add(name.to_owned(), value, path);
    }

    fn add(&mut self, name: String, text: String, path: Vec<String>) {
        // A byte between two texts, so that the end of one is not the start of the next.
        let base = self.0.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.0.push(Text { name, text, base, path });
    }

    /// Whether an address is in the defaults: nobody but us wrote it.
    pub(super) fn is_default(&self, at: usize) -> bool {
        at <= self.0[0].text.len()
    }

    /// A problem at an address.
    pub(super) fn problem(&self, at: usize, text: impl Into<String>, suggestion: Option<String>) -> Problem {
        let source = self.0.iter().rev().find(|source| source.base <= at).unwrap_or(&self.0[0]);
        let (line, column) =
            if source.path.is_empty() { position(&source.text, at - source.base) } else { (0, 0) };
        Problem { source: source.name.clone(), line, column, text: text.into(), suggestion }
    }

    /// A problem without a known place: of the file where there is one.
    pub(super) fn problem_somewhere(&self, text: impl Into<String>) -> Problem {
        let name =
            self.0.iter().rev().find(|source| source.path.is_empty()).map_or("", |source| &source.name);
        Problem { source: name.to_owned(), line: 0, column: 0, text: text.into(), suggestion: None }
    }
}

impl Text {
    /// A span of this text as addresses.
    pub(super) fn address(&self, span: Range<usize>) -> Range<usize> {
        span.start + self.base..span.end + self.base
    }
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}
