//! Commands that work on picture files, with the stages' own models.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cortex_cloaker::Redactor;
use cortex_recognizer::Enroller;
use cortex_runtime::infer::Library;
use serde_json::json;

use crate::{config::Config, print};

/// Prints the faces of pictures; one JSON object a picture.
pub(crate) fn embed(config: &Config, images: &[PathBuf], as_json: bool) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    let mut enroller = Enroller::load(&library, &config.infer)?;
    for path in images {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let (picture, faces) = enroller.embed(&bytes).with_context(|| path.display().to_string())?;
        if as_json {
            let space = enroller.space().to_owned();
            let faces: Vec<_> = faces
                .iter()
                .map(|found| {
                    let rect = found.face.rect;
                    json!({
                        "box": [rect.x1, rect.y1, rect.x2, rect.y2],
                        "score": found.face.score,
                        "landmarks": found.face.landmarks,
                        "embedding": found.embedding.0,
                        "model": space,
                    })
                })
                .collect();
            let line = json!({ "image": path, "width": picture.width(), "height": picture.height(), "faces": faces });
            print::line(&line.to_string());
        } else {
            let widths: Vec<String> =
                faces.iter().map(|found| format!("{:.0} px", found.face.rect.width())).collect();
            print::line(&format!("{}: {} faces {}", path.display(), faces.len(), widths.join(", ")));
        }
    }
    Ok(())
}

/// Redacts a picture or a folder of pictures.
pub(crate) fn redact(config: &Config, input: &Path, out: &Path) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    let mut redactor = Redactor::load(&library, &config.infer, config.cloaker.clone())?;
    fs::create_dir_all(out).with_context(|| format!("make folder {}", out.display()))?;
    let mut failed = 0;
    for path in pictures(input)? {
        let done =
            fs::read(&path).map_err(anyhow::Error::from).and_then(|bytes| Ok(redactor.redact(&bytes)?));
        match done {
            Ok((jpeg, regions)) => {
                let target = out.join(path.file_name().unwrap_or_default()).with_extension("jpg");
                fs::write(&target, jpeg).with_context(|| format!("write {}", target.display()))?;
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
