//! What goes to standard output: the answers of commands, never logs.

use std::io::{self, Write};

/// One line. A reader that has gone away ends a command quietly, so the error is the caller's to drop.
pub fn line(text: &str) {
    writeln!(io::stdout().lock(), "{text}").unwrap_or_default();
}
