//! A file that is there whole or not at all: it has a name of its own beside the wanted one until it is whole, and is removed
//! when it is not.

use std::{
    fs::Permissions,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use anyhow::{Context as _, anyhow, bail};
use tempfile::{Builder, NamedTempFile};

/// What a new file may be for whom, before the user's own mask.
const MODE: u32 = 0o666;

/// A file under another name.
pub(crate) fn begin(path: &Path, force: bool) -> anyhow::Result<NamedTempFile> {
    if !force && path.symlink_metadata().is_ok() {
        bail!(taken(path));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = Builder::new()
        .prefix(".cortex-export-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")));
    file.with_context(|| attempt(path))
}

/// Gives the file its name. Another one is only replaced with `force`.
pub(crate) fn finish(mut file: NamedTempFile, path: &Path, force: bool) -> anyhow::Result<()> {
    let kept = file.flush().and_then(|()| file.as_file().sync_all());
    kept.with_context(|| attempt(path))?;
    let named = if force { file.persist(path) } else { file.persist_noclobber(path) };
    named.map(drop).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!(taken(path)),
        _ => anyhow!(failed.error).context(attempt(path)),
    })
}

/// What is attempted, for errors.
pub(crate) fn attempt(path: &Path) -> String {
    format!("write {}", path.display())
}

fn taken(path: &Path) -> String {
    format!("{} is there already: choose another name, or replace it with `--force`", path.display())
}
