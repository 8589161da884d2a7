//! Recorded footage through the very same stages, as fast as this machine can: nothing is dropped, and the answer is
//! the same every time.

mod records;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Lifecycle, Source, Tables,
    audit::Auditor,
    bus::{Bus, Embedded, From, Full, Take},
    runner::wall_clock,
    store::{Sqlite, Store},
};
use indicatif::{ProgressBar, ProgressStyle};
use records::Records;

use crate::{app, cli, config::Config};

const READ: usize = 256;
/// How long stages may take with what is on its way after the last frame.
const SETTLE: Duration = Duration::from_secs(600);

/// Analyses every video, one after the other, into `options.out`.
pub(crate) fn run(mut config: Config, options: &cli::Analyze) -> anyhow::Result<()> {
    config.ingest.detect_every = options.every.max(1);
    config.ingest.end_with_files = true;
    let mut records = Records::create(&options.out)?;
    let mut stems = BTreeMap::new();
    for video in &options.videos {
        let stem = video.file_stem().and_then(|stem| stem.to_str()).context("a video's name must be text")?;
        if let Some(other) = stems.insert(stem.to_owned(), video) {
            bail!(
                "{} and {} have the same name: results could not be told apart",
                other.display(),
                video.display()
            );
        }
    }
    for (camera, video) in options.videos.iter().map(|video| (stem(video), video)) {
        let path = video.canonicalize().with_context(|| format!("open {}", video.display()))?;
        one(&config, &camera, &path, options, &mut records)
            .with_context(|| format!("analyse {}", video.display()))?;
    }
    records.finish()
}

fn stem(video: &Path) -> String {
    let stem = video.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect()
}

fn one(
    config: &Config,
    camera: &str,
    path: &Path,
    options: &cli::Analyze,
    records: &mut Records,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let bus = Embedded::open(None, Full::Block)?;
    let store = Sqlite::open(None, config.store.retention())?;
    let context = Context {
        bus: Arc::new(bus.clone()) as Arc<dyn Bus>,
        store: Arc::new(store) as Arc<dyn Store>,
        tables: Arc::new(ArcSwap::from_pointee(tables(config, camera, path)?)),
        lifecycle: Lifecycle::new(runtime.handle().clone()),
    };
    let read = [&topics::DETECTIONS, &topics::ANOMALIES, &topics::IDENTITIES];
    let mut tail = context.bus.tail(&read, From::End)?;
    let gallery = app::gallery(config, &context.store)?;
    let audit =
        Auditor::open(Arc::clone(&context.store), Arc::clone(&context.bus), "analyze", Arc::new(wall_clock))?;
    app::stages(&context, config, gallery.as_ref(), &audit)?;
    let ingest = cortex_ingest::Ingest::new(config.ingest.clone(), app::credentials(config)?);
    let (source, ended) = (context.clone(), std::sync::mpsc::sync_channel::<()>(1));
    context.lifecycle.thread("ingest", move || {
        let result = ingest.run(source);
        drop(ended.0);
        result
    });
    let bar = progress(options.quiet);
    bar.set_message(camera.to_owned());
    records.begin(camera);
    let stop = context.stop();
    let mut settling = None;
    while !stop.is_cancelled() {
        let batch = tail.next(Take { count: READ, wait: Duration::from_millis(50) })?;
        for record in &batch {
            if records.take(record)? {
                bar.inc(1);
            }
        }
        let over = matches!(ended.1.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
        if over && batch.is_empty() {
            let since = *settling.get_or_insert_with(std::time::Instant::now);
            if bus.settle(Duration::from_millis(20)) {
                break;
            }
            if since.elapsed() > SETTLE {
                bail!("the stages did not end with the footage");
            }
        }
    }
    bar.finish();
    context.lifecycle.stop().cancel();
    let outcome = runtime.block_on(context.lifecycle.ended(Duration::from_secs(10)));
    outcome.map_err(anyhow::Error::msg)?;
    Ok(())
}

/// The video as a camera, with the zones and rules of the configuration. Zones that name no camera of this run apply to
/// none; rules without a camera apply to every one.
fn tables(config: &Config, camera: &str, path: &Path) -> anyhow::Result<Tables> {
    let mut tables = Tables::default();
    tables.take_camera(&v1::Camera {
        id: camera.to_owned(),
        name: camera.to_owned(),
        site: "default".to_owned(),
        url: format!("file://{}", path.display()),
        origin: v1::Origin::File as i32,
        playback: v1::Playback::Fast as i32,
        version: 1,
        ..Default::default()
    });
    let entries = app::entries(config, &[camera])?;
    for mut zone in entries.zones {
        zone.version = 1;
        tables.take_config(&v1::ConfigEntry { entry: Some(v1::config_entry::Entry::Zone(zone)) });
    }
    for mut rule in entries.rules {
        rule.version = 1;
        if rule.camera.is_empty() || rule.camera == camera {
            cortex_detector::rules::validate(&rule, &tables)
                .map_err(|error| anyhow::anyhow!("rule {}: {error}", rule.id))?;
        }
        tables.take_config(&v1::ConfigEntry { entry: Some(v1::config_entry::Entry::Rule(rule)) });
    }
    Ok(tables)
}

fn progress(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let style = "{spinner} {msg}: {pos} frames, {per_sec}, {elapsed}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Where results of this name are written.
fn file(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.ndjson"))
}
