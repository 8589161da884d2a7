//! `cortex redact`: pictures without faces, beside the originals and never over them.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cortex_cloaker::Redactor;
use cortex_infer::Library;

use crate::{config::Config, print};

/// Redacts a picture or a folder of pictures into `out`, which is another folder than theirs.
pub(crate) fn run(config: &Config, input: &Path, out: &Path) -> anyhow::Result<()> {
    let pictures = pictures(input)?;
    fs::create_dir_all(out).with_context(|| format!("make folder {}", out.display()))?;
    let home = if input.is_file() { input.parent().unwrap_or_else(|| Path::new("")) } else { input };
    let home = if home.as_os_str().is_empty() { Path::new(".") } else { home };
    let real = |folder: &Path| folder.canonicalize().with_context(|| format!("open {}", folder.display()));
    if real(home)? == real(out)? {
        bail!("{} holds the originals, they could be overwritten: choose another folder", out.display());
    }
    let library = Library::load(&config.infer)?;
    let mut redactor = Redactor::load(&library, &config.infer, config.cloaker.clone())?;
    let mut failed = 0;
    for (path, name) in pictures.iter().zip(names(&pictures)) {
        let done = fs::read(path).map_err(anyhow::Error::from).and_then(|bytes| Ok(redactor.redact(&bytes)?));
        match done {
            Ok((jpeg, regions)) => {
                let target = out.join(name);
                // A link that leads back to an original is replaced, not followed.
                let fresh = target.with_extension("jpg.new");
                fs::write(&fresh, jpeg)
                    .and_then(|()| fs::rename(&fresh, &target))
                    .with_context(|| format!("write {}", target.display()))?;
                print::line(&format!("{} -> {}: {regions} regions", path.display(), target.display()));
            }
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error:#}", path.display());
            }
        }
    }
    if failed > 0 {
        bail!("{failed} pictures were not redacted");
    }
    Ok(())
}

/// What the redacted pictures are called: `a.jpg` for `a.png`; where two pictures have the same stem, all keep their
/// whole names, `a.png.jpg`, which are different.
fn names(pictures: &[PathBuf]) -> Vec<OsString> {
    let stems: BTreeSet<_> = pictures.iter().map(|path| path.file_stem()).collect();
    let name = |path: &PathBuf| {
        let kept = if stems.len() < pictures.len() { path.file_name() } else { path.file_stem() };
        let mut name = kept.unwrap_or_default().to_owned();
        name.push(".jpg");
        name
    };
    pictures.iter().map(name).collect()
}

fn pictures(input: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if input.is_file() {
        return Ok(vec![input.to_owned()]);
    }
    let listed = fs::read_dir(input).with_context(|| format!("read {}", input.display()))?;
    let mut found: Vec<PathBuf> = listed.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    found.retain(|path| {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_lowercase();
        ["jpg", "jpeg", "png", "webp"].contains(&kind.as_str())
    });
    found.sort();
    Ok(found)
}
