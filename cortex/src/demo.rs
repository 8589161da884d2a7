//! Everything on a demonstration camera, or on a source of one's own.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use cortex_camera::{Camera, CameraOptions};
use cortex_process::{Part, config};
use cortex_runtime::config::{Errors, entries, home};

use crate::{app, cli, config::Config};

/// The camera of the demonstration.
const CAMERA: &str = "campus";

/// The configuration of the demonstration: its zones and rules, with the environment over it.
pub(crate) fn config() -> Result<Config, Errors> {
    config::load_text("demo.toml", include_str!("../../demo/demo.toml"))
}

/// Runs the demonstration. With a source of one's own the zones of the configuration that name the demonstration's
/// camera are left out: they were drawn on another picture.
pub(crate) fn run(mut config: Config, options: &cli::Demo) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Lives until the demonstration ends.
    let mut loopback = None;
    let (id, url) = match &options.source {
        Some(source) => {
            config.zones.retain(|zone| zone.camera != CAMERA);
            let zones: Vec<String> = config.zones.iter().map(|zone| zone.id.clone()).collect();
            config.rules.retain(|rule| rule.zone.is_empty() || zones.contains(&rule.zone));
            ("camera", address(source)?)
        }
        None => {
            let clip = options.clip.clone().unwrap_or_else(|| home().join("clips/vtest.mp4"));
            if !clip.is_file() {
                bail!("there is no clip {}: `make setup` makes it", clip.display());
            }
            let camera = Camera::start(CameraOptions::new(clip)).context("start the loopback camera")?;
            let url = camera.url();
            loopback = Some(camera);
            (CAMERA, url)
        }
    };
    config.cameras = vec![entries::Camera {
        id: id.to_owned(),
        name: id.to_owned(),
        site: "default".to_owned(),
        playback: if url.starts_with("file:") {
            entries::Playback::Loop
        } else {
            entries::Playback::Realtime
        },
        url,
        credential: String::new(),
        sub_url: String::new(),
        priority: entries::Priority::default(),
        rate: 0.0,
        disabled: false,
        ground: None,
    }];
    let part = Part { quiet: options.quiet, ..app::ALL };
    let outcome = runtime.block_on(cortex_process::run(part, config, None));
    drop(loopback);
    outcome
}

/// What the user means: an address, a device or a file.
fn address(source: &str) -> anyhow::Result<String> {
    if source.contains("://") {
        return Ok(source.to_owned());
    }
    if source.starts_with("/dev/") {
        return Ok(format!("v4l2://{source}"));
    }
    let path = PathBuf::from(source).canonicalize().with_context(|| format!("open {source}"))?;
    Ok(format!("file://{}", path.display()))
}
