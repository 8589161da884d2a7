//! `cortex embed`: the faces of pictures with their vectors.

use std::path::Path;

use anyhow::bail;
use cortex_models::Picture;
use cortex_recognizer::Embedded;
use serde_json::json;

use crate::{cli, config::Config, pictures::Workers, print};

/// Prints the faces of pictures in the order in which they were named. Pictures that cannot be read are reported and
/// passed over; the error says how many those were.
pub(crate) fn run(config: &Config, options: &cli::Embed) -> anyhow::Result<()> {
    let images = &options.images;
    let mut workers = Workers::load(&config.infer, None, options.threads, images.len())?;
    let space = workers.space().to_owned();
    let line = |path: &Path, picture: &Picture, faces: &[Embedded]| {
        if options.json { as_json(path, picture, faces, &space) } else { in_words(path, faces) }
    };
    let failed = workers.each(images, line, |_, line| print::line(&line))?;
    if failed > 0 {
        bail!("{failed} of {} pictures have no answer", images.len());
    }
    Ok(())
}

fn in_words(path: &Path, faces: &[Embedded]) -> String {
    let widths: Vec<String> =
        faces.iter().map(|found| format!("{:.0} px", found.face.rect.width())).collect();
    format!("{}: {} faces {}", path.display(), faces.len(), widths.join(", "))
}

fn as_json(path: &Path, picture: &Picture, faces: &[Embedded], space: &str) -> String {
    let face = |found: &Embedded| {
        let rect = found.face.rect;
        json!({
            "box": [rect.x1, rect.y1, rect.x2, rect.y2],
            "score": found.face.score,
            "landmarks": found.face.landmarks,
            "embedding": found.embedding.vector,
            "model": space,
        })
    };
    let faces: Vec<_> = faces.iter().map(face).collect();
    json!({ "image": path, "width": picture.width(), "height": picture.height(), "faces": faces }).to_string()
}
