//! What is wrong with a configuration.

use std::{fmt, ops::Deref, path::Path};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub source: String,
    /// From 1; 0 where there is no line, as in the environment.
    pub line: usize,
    /// From 1, in characters; 0 where there is none.
    pub column: usize,
    /// What is wrong, lower-case.
    pub text: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// Everything that is wrong with a configuration; never empty. The process ends with exit code 64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Errors(Vec<Problem>);

/// More than this is noise.
pub(super) const MOST: usize = 100;

impl Problem {
    /// A file as a whole.
    pub(super) fn of_file(path: &Path, text: impl Into<String>) -> Self {
        Self { source: path.display().to_string(), line: 0, column: 0, text: text.into(), suggestion: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.text)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl From<Vec<Problem>> for Errors {
    fn from(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|one, other| {
            (&one.source, one.line, one.column).cmp(&(&other.source, other.line, other.column))
        });
        problems.truncate(MOST);
        Self(problems)
    }
}

impl Deref for Errors {
    type Target = [Problem];
    fn deref(&self) -> &[Problem] {
        &self.0
    }
}

/// The candidate that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Words of outside may be long; the distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate.to_owned())
}
