//! Recorded footage through the very same stages, as fast as this machine can: nothing is dropped, and the answer is
//! the same every time.

mod canvas;
mod overlay;
mod records;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use cortex_ingest::Ingest;
use cortex_proto::{topics, v1};
use cortex_recognizer::Gallery;
use cortex_runtime::{
    Context, Lifecycle, Source, Tables,
    audit::Auditor,
    bus::{Bus, Embedded, From, Full, Record, Take},
    runner::wall_clock,
    store::{Place, Sqlite, Store},
};
use indicatif::{ProgressBar, ProgressStyle};
use overlay::Overlay;
use records::Records;

use crate::{cli, config::Config};

const READ: usize = 256;
/// How long stages may take with what is on its way after the last frame.
const SETTLE: Duration = Duration::from_secs(600);

/// Analyses every video, one after the other, into `options.out`. A video that cannot be read to its end is told on
/// standard error and the next is analysed; what was seen of it is kept, and the error says how many those were.
pub(crate) fn run(mut config: Config, options: &cli::Analyze) -> anyhow::Result<()> {
    config.ingest.detect_every = options.every.max(1);
    config.ingest.end_with_files = true;
    // Footage waits for the detector; frames of it are never too old.
    config.cloaker.held_s = f32::MAX;
    // Nobody asks for clips of it: the footage itself is there.
    (config.cloaker.clip_before_s, config.cloaker.clip_after_s) = (0.0, 0.0);
    if options.overlay {
        overlay::every_picture(&mut config.cloaker);
    }
    if let Some(store) = options.store.as_deref().filter(|store| store.exists()) {
        bail!("{} is there already: each analysis has a store of its own", store.display());
    }
    let mut stems = BTreeMap::new();
    for video in &options.videos {
        if let Some(other) = stems.insert(stem(video), video) {
            bail!(
                "{} and {} have the same name: results could not be told apart",
                other.display(),
                video.display()
            );
        }
    }
    let gallery = enrolled(&config)?;
    let mut records = Records::create(&options.out)?;
    let mut failed = 0;
    for video in &options.videos {
        if let Err(error) = one(&config, video, options, gallery.as_ref(), &mut records) {
            eprintln!("{}: {error:#}", video.display());
            failed += 1;
        }
    }
    records.finish()?;
    if failed > 0 {
        bail!("{failed} of {} videos were not analysed whole", options.videos.len());
    }
    Ok(())
}

/// The camera's id of a video: its file's stem.
fn stem(video: &Path) -> String {
    let stem = video.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect()
}

/// The people of the running system, where recognition is on. Its store is only read: an analysis leaves no trace in
/// it.
fn enrolled(config: &Config) -> anyhow::Result<Option<Gallery>> {
    if !config.recognizer.enabled {
        return Ok(None);
    }
    let (path, retention) = (config.store.path(&config.data), config.store.retention());
    let store = if path.is_file() {
        Sqlite::open_read_only(&path)?
    } else {
        eprintln!("there is no store {}: nobody is enrolled, so everybody is unknown", path.display());
        Sqlite::open(None, retention)?
    };
    cortex_recognizer::gallery(config, &(Arc::new(store) as Arc<dyn Store>))
}

fn one(
    config: &Config,
    video: &Path,
    options: &cli::Analyze,
    gallery: Option<&Gallery>,
    records: &mut Records,
) -> anyhow::Result<()> {
    let camera = stem(video);
    let url = format!("file://{}", video.canonicalize().context("open it")?.display());
    let runtime = tokio::runtime::Runtime::new()?;
    let bus = Embedded::open(None, Full::Block)?;
    let store = Sqlite::open(options.store.as_deref(), config.store.retention())?;
    let tables = tables(config, &camera, &url)?;
    let context = Context {
        bus: Arc::new(bus.clone()) as Arc<dyn Bus>,
        store: Arc::new(store) as Arc<dyn Store>,
        tables: Arc::new(ArcSwap::from_pointee(tables.clone())),
        lifecycle: Lifecycle::new(runtime.handle().clone()),
    };
    let place = Place {
        camera: camera.clone(),
        partition: tables.partition(&camera),
        site: tables.site(&camera).to_owned(),
    };
    context.store.write(&[place.row(wall_clock())])?;
    let mut read = vec![&topics::STATUS, &topics::DETECTIONS, &topics::ANOMALIES, &topics::IDENTITIES];
    if options.overlay {
        read.push(&topics::CLOAKED);
    }
    let mut tail = context.bus.tail(&read, From::End)?;
    let audit =
        Auditor::open(Arc::clone(&context.store), Arc::clone(&context.bus), "analyze", Arc::new(wall_clock))?;
    cortex_detector::spawn(&context, config)?;
    if let Some(gallery) = gallery {
        cortex_recognizer::spawn(&context, config, gallery, &audit)?;
    }
    cortex_cloaker::spawn(&context, config)?;
    let overlay = options.overlay.then(|| Overlay::begin(&options.out, &camera, &tables, &context));
    let total = cortex_ingest::pictures_in(&url, &config.ingest).filter(|_| !options.quiet);
    let ingest = Ingest::new(config.ingest.clone(), cortex_ingest::credentials(config)?);
    let (source, ended) = (context.clone(), std::sync::mpsc::sync_channel::<()>(1));
    context.lifecycle.thread("ingest", move || {
        let result = ingest.run(source);
        drop(ended.0);
        result
    });
    let bar = progress(options.quiet, total);
    bar.set_message(camera.clone());
    records.begin(&camera);
    let mut report = Report { records, overlay: overlay.transpose()?, bar, footage: None };
    let stop = context.stop();
    let mut settling = None;
    while !stop.is_cancelled() {
        let batch = tail.next(Take { count: READ, wait: Duration::from_millis(50) })?;
        batch.iter().try_for_each(|record| report.take(record))?;
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
    context.lifecycle.stop().cancel();
    let outcome = runtime.block_on(context.lifecycle.ended(Duration::from_secs(10)));
    outcome.map_err(anyhow::Error::msg).and_then(|()| report.finish())
}

/// Where what is said of a video goes.
struct Report<'a> {
    records: &'a mut Records,
    overlay: Option<Overlay>,
    bar: ProgressBar,
    /// The source's last word.
    footage: Option<Arc<v1::Status>>,
}

impl Report<'_> {
    fn take(&mut self, record: &Record) -> anyhow::Result<()> {
        match record.topic.noun {
            "status" => {
                let status = record.message::<v1::Status>()?;
                if status.stage == Ingest::NAME {
                    self.footage = Some(status);
                }
            }
            "cloaked" => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.picture(record.message()?, self.records)?;
                }
            }
            noun => {
                if self.records.take(record)? {
                    self.bar.inc(1);
                }
                if let Some(overlay) = self.overlay.as_mut().filter(|_| noun == "anomalies") {
                    overlay.anomaly(&*record.message::<v1::Anomaly>()?, self.records);
                }
            }
        }
        Ok(())
    }

    /// Ends the video; an error says what of the footage was not analysed, and why.
    fn finish(self) -> anyhow::Result<()> {
        let frames = self.bar.position();
        self.bar.finish();
        if let Some(overlay) = self.overlay {
            overlay.finish(self.records)?;
        }
        match self.footage {
            Some(status) if !status.error.is_empty() => {
                bail!("{}; the {frames} frames before that are in the results", status.error)
            }
            Some(status) if status.analysed > frames => {
                bail!("{} of {} frames have no result", status.analysed - frames, status.analysed)
            }
            Some(_) => Ok(()),
            None => bail!("the footage did not end"),
        }
    }
}

/// The video as a camera, with the zones and rules of the configuration. Zones that name no camera of this run apply to
/// none; rules without a camera apply to every one.
fn tables(config: &Config, camera: &str, url: &str) -> anyhow::Result<Tables> {
    let mut tables = Tables::default();
    let entries = config.entries(&[camera])?;
    let ground =
        entries.cameras.iter().find(|entry| entry.id == camera).and_then(|entry| entry.ground.clone());
    tables.take_camera(&v1::Camera {
        ground,
        id: camera.to_owned(),
        name: camera.to_owned(),
        site: "default".to_owned(),
        url: url.to_owned(),
        origin: v1::Origin::File as i32,
        playback: v1::Playback::Fast as i32,
        version: 1,
        ..Default::default()
    });
    for mut zone in entries.zones {
        zone.version = 1;
        tables.take_config(&v1::ConfigEntry { entry: Some(v1::config_entry::Entry::Zone(zone)) });
    }
    let rules: Vec<v1::Rule> =
        entries.rules.into_iter().map(|rule| v1::Rule { version: 1, ..rule }).collect();
    for rule in rules.iter().cloned() {
        tables.take_config(&v1::ConfigEntry { entry: Some(v1::config_entry::Entry::Rule(rule)) });
    }
    for rule in &rules {
        if rule.camera.is_empty() || rule.camera == camera {
            cortex_rules::validate(rule, &tables)
                .map_err(|error| anyhow::anyhow!("rule {}: {error}", rule.id))?;
        }
    }
    Ok(tables)
}

/// Frames of how many, and how long it takes yet; without a total where the container does not say.
fn progress(quiet: bool, total: Option<u64>) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let (bar, style) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg}: {bar:30} {pos} of {len} frames, {per_sec}, {elapsed} gone, {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}: {pos} frames, {per_sec}, {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Where results of this name are written.
fn file(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.ndjson"))
}
