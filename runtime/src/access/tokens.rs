//! Bearer tokens of machines, and the one of the local command line.

use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{Access, Error, Role, Subject, credentials::Kind};
use crate::config::Secret;

/// The account of the local command line; where several replicas share a store each has one of its own, `cli@replica`.
pub const CLI: &str = "cli";

impl Access {
    /// A bearer token for `name`, given by `by`. It is shown here and never again. `life_s` 0 is for ever.
    ///
    /// # Errors
    /// The store or the audit failed; then there is no token.
    pub fn token(&self, by: &str, name: &str, roles: &[Role], life_s: i64) -> Result<Secret, Error> {
        self.0.audit.write(by, "token", name, &format!("{roles:?}"))?;
        self.issue(Kind::Token, &Subject { name: name.to_owned(), roles: roles.to_vec() }, life_s)
    }

    /// Ends a bearer token at once.
    ///
    /// # Errors
    /// The store failed.
    pub fn revoke(&self, token: &str) -> Result<(), Error> {
        self.end(Kind::Token, token)
    }

    /// Ends every bearer token of `name`, by `by`.
    ///
    /// # Errors
    /// The store or the audit failed; then they still count.
    pub fn revoke_all(&self, by: &str, name: &str) -> Result<(), Error> {
        self.0.audit.write(by, "revoke", name, "")?;
        self.tidy(Kind::Token, Some(name))
    }

    /// Writes a new token of the local command line to `cli.token` in the data folder, mode 0600; the one of an
    /// earlier start is void. `replica` tells it from those of other replicas on the same store. Answers the file.
    ///
    /// # Errors
    /// The store, the audit or the file failed.
    pub fn cli_token(&self, data: &Path, replica: Option<&str>) -> Result<PathBuf, Error> {
        let subject = replica.map_or_else(|| CLI.to_owned(), |replica| format!("{CLI}@{replica}"));
        self.tidy(Kind::Token, Some(&subject))?;
        self.tidy(Kind::Session, None)?;
        self.tidy(Kind::Link, None)?;
        let token = self.token("local", &subject, &[Role::Administrator], 0)?;
        let path = data.join("cli.token");
        write_private(&path, token.expose().as_bytes())
            .map_err(|source| Error::File { path: path.display().to_string(), source })?;
        Ok(path)
    }
}

/// Writes a file that only its owner reads, in one step.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_added_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
