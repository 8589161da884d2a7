//! What is overloaded: the detector under the runner on the embedded bus, everything real but the cameras.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use arc_swap::ArcSwap;
use cortex_detector::{Detector, Models};
use cortex_infer::{self as infer, Library};
use cortex_models::Picture;
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Fatal, Lifecycle, Tables, WithPicture,
    bus::{Embedded, From, Full, Record, Take, Writer},
    runner::{self, wall_clock},
    store::{Retention, Sqlite},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Options;
use crate::clip::Decoder;

/// Pictures held; they are shown in turn.
const PICTURES: usize = 64;

/// Term of the generator's messages and upper bits of its epoch.
const TERM: u64 = 1;

/// How long the plant may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A frame that came out analysed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) camera: usize,
    pub(super) n: u64,
    /// From the frame's arrival to its answer, in milliseconds.
    pub(super) age_ms: f64,
}

/// The latest count of what a camera's detector left out, by camera and reason.
type LeftOut = Arc<Mutex<BTreeMap<(String, String), u64>>>;

/// The system under load.
pub(super) struct Plant {
    context: Context,
    runtime: Runtime,
    pictures: Vec<Picture>,
    /// The next `n` of each camera.
    next: Vec<u64>,
    left_out: LeftOut,
    /// Log and store are files, as they are for users.
    _folder: TempDir,
}

impl Plant {
    /// Starts everything on Cortex's core.
    pub(super) fn start(options: &Options) -> anyhow::Result<Self> {
        cortex_fleet::affinity::pin(options.cortex_core)?;
        let pictures = pictures(options)?;
        let folder = tempfile::tempdir()?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let context = Context {
            bus: Arc::new(Embedded::open(Some(&folder.path().join("bus.sqlite")), Full::Shed)?),
            store: Arc::new(Sqlite::open(Some(&folder.path().join("store.sqlite")), retention)?),
            tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
            lifecycle: Lifecycle::new(runtime.handle().clone()),
        };
        let infer = infer::Config { models: options.work.models.clone(), ..infer::Config::default() };
        let library = Library::load(&infer)?;
        let config = cortex_detector::Config {
            object_size: options.work.object_size,
            face_long_side: options.work.face_side,
            ..cortex_detector::Config::default()
        };
        let make = || -> Result<Detector, Fatal> {
            let models = Models::load(&library, &infer, &config).map_err(Fatal::new)?;
            Ok(Detector::new(config.clone(), Some(models)))
        };
        runner::spawn(&context, &runner::Config::default(), make)?;
        let next = vec![0; options.cameras];
        Ok(Self { context, runtime, pictures, next, left_out: LeftOut::default(), _folder: folder })
    }

    /// Follows the answers, on a thread of the caller's later core: the observer is not part of what is measured.
    pub(super) fn answers(&self) -> anyhow::Result<Receiver<Answer>> {
        let mut tail = self.context.bus.tail(&[&topics::DETECTIONS, &topics::STATUS], From::End)?;
        let (tell, told) = mpsc::channel();
        let (stop, left_out) = (self.context.stop(), self.left_out.clone());
        self.context.lifecycle.thread("observer", move || {
            while !stop.is_cancelled() {
                let take = Take { count: 256, wait: Duration::from_millis(100) };
                let records = tail.next(take).map_err(|error| Fatal::new(format!("observe: {error}")))?;
                for record in records {
                    observe(&record, &tell, &left_out)?;
                }
            }
            Ok(())
        });
        Ok(told)
    }

    /// Publishes a camera's next frame.
    pub(super) fn publish(&mut self, camera: usize) -> anyhow::Result<()> {
        let n = self.next[camera];
        self.next[camera] += 1;
        let picture = &self.pictures[n as usize % self.pictures.len()];
        let (width, height) = (picture.width() as u32, picture.height() as u32);
        let now = wall_clock();
        let name = name(camera);
        let message = v1::Frame {
            id: Some(v1::FrameId {
                camera: name.clone(),
                role: v1::Role::Main as i32,
                epoch: cortex_proto::epoch(TERM, 1),
                seq: n,
            }),
            n,
            time_us: now,
            received_us: now,
            width,
            height,
            source_width: width,
            source_height: height,
            plan: v1::Plan::Detect as i32,
            ..v1::Frame::default()
        };
        let frame = WithPicture { message, picture: Some(picture.clone()), quality: 90 };
        self.context
            .publish(frame, topics::partition_of(&name), &Writer::ANYBODY)
            .context("cannot publish a frame")
    }

    /// Frames published so far.
    pub(super) fn published(&self) -> u64 {
        self.next.iter().sum()
    }

    /// What the detector told it left out, over all cameras, by reason.
    pub(super) fn left_out(&self) -> BTreeMap<String, u64> {
        let mut sum = BTreeMap::new();
        for ((_, reason), count) in &*self.left_out.lock().unwrap_or_else(PoisonError::into_inner) {
            *sum.entry(reason.clone()).or_default() += count;
        }
        sum
    }

    /// Ends the threads; an error when one of them failed meanwhile.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        self.context.stop().cancel();
        self.runtime.block_on(self.context.lifecycle.ended(GRACE)).map_err(|failure| anyhow!(failure))
    }
}

fn name(camera: usize) -> String {
    format!("camera-{camera}")
}

fn observe(record: &Record, tell: &Sender<Answer>, left_out: &LeftOut) -> Result<(), Fatal> {
    let unreadable = |error| Fatal::new(format!("observe: {error}"));
    if *record.topic == topics::STATUS {
        let status = record.message::<v1::Status>().map_err(unreadable)?;
        let mut left_out = left_out.lock().unwrap_or_else(PoisonError::into_inner);
        for dropped in &status.dropped {
            left_out.insert((status.camera.clone(), dropped.reason.clone()), dropped.count);
        }
        return Ok(());
    }
    let answer = record.message::<v1::Detections>().map_err(unreadable)?;
    if answer.outcome() != v1::Outcome::Analysed {
        return Ok(());
    }
    let camera = answer.frame.as_ref().and_then(|frame| frame.camera.rsplit_once('-')?.1.parse().ok());
    let camera = camera.ok_or_else(|| Fatal::new("observe: an answer for a camera that is none of ours"))?;
    let age_ms = (wall_clock() - answer.received_us) as f64 / 1e3;
    // Nobody listens any more when the benchmark gave up.
    let _gone = tell.send(Answer { camera, n: answer.n, age_ms });
    Ok(())
}

/// The clip's first pictures, decoded.
fn pictures(options: &Options) -> anyhow::Result<Vec<Picture>> {
    let clip = Decoder::open(&options.work.clip)?;
    let mut pictures = Vec::new();
    while pictures.len() < PICTURES
        && let Some(picture) = clip.next()?
    {
        pictures.push(picture);
    }
    ensure!(!pictures.is_empty(), "{} holds no pictures", options.work.clip.display());
    Ok(pictures)
}
