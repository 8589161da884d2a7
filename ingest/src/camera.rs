//! One camera: keeps its pipeline alive and says how it is.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use cortex_models::{Picture, Preprocessor};
use cortex_proto::{topics, v1};
use cortex_runtime::{Context, runner::wall_clock};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Config, Error,
    address::Policy,
    backoff::{Backoff, jitter},
    feed::{Feed, Pace, with_picture},
    outage::{Outage, anomaly},
    pipeline::{Event, Open, Pipeline},
};

/// Finds user and password by the name of a credential.
pub type Credentials = Arc<dyn Fn(&str) -> Option<(String, String)> + Send + Sync>;

/// What a camera's thread works with.
pub(crate) struct Camera {
    pub(crate) entry: v1::Camera,
    pub(crate) term: u64,
    pub(crate) config: Config,
    pub(crate) credentials: Credentials,
    pub(crate) context: Context,
    pub(crate) stop: CancellationToken,
}

/// How often the supervisor looks.
const LOOK: u64 = 100;
const SECOND: Duration = Duration::from_secs(1);
/// Pictures older than this on arrival are what a stalled camera pours out when it thaws.
const STALE_US: i64 = 1_500_000;

impl Camera {
    /// Runs until it is stopped, or until the file has ended.
    pub(crate) fn run(self) {
        let fast = self.entry.playback() == v1::Playback::Fast;
        let pace = if fast {
            Pace::Recorded { detect_every: self.config.detect_every }
        } else {
            let rate = if self.entry.rate > 0.0 { self.entry.rate } else { self.config.rate };
            Pace::Live { rate: f64::from(rate) }
        };
        let feed = Arc::new(Mutex::new(Feed::new(self.entry.clone(), self.term, pace)));
        let mut backoff = Backoff::default();
        let mut health = Health {
            outage: Outage::new(Duration::from_secs_f32(self.config.offline_after_s), Instant::now()),
            told: Instant::now(),
            error: String::new(),
        };
        while !self.stop.is_cancelled() {
            lock(&feed).begin_epoch();
            let played = catch_unwind(AssertUnwindSafe(|| self.play(&feed, &mut health, fast)));
            let error = match played {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => Error::Stream("the camera's thread panicked; the message is in the log".to_owned()),
            };
            if fast {
                // Recorded footage has no second try.
                warn!(camera = self.entry.id, %error, "footage ended early");
                return;
            }
            if lock(&feed).seen.is_some_and(|seen| seen.elapsed() < Duration::from_secs(30)) {
                backoff.succeeded();
            }
            let wait = backoff.failed(&error, jitter());
            warn!(camera = self.entry.id, %error, wait_s = wait.as_secs_f32(), "stream lost, reconnecting");
            health.error = error.to_string();
            let until = Instant::now() + wait;
            while Instant::now() < until && !self.stop.is_cancelled() {
                std::thread::park_timeout(Duration::from_millis(LOOK));
                self.look(&feed, &mut health, false);
            }
        }
    }

    /// One connection, to its end. `Ok` when there is nothing more to play.
    fn play(&self, feed: &Arc<Mutex<Feed>>, health: &mut Health, fast: bool) -> Result<(), Error> {
        Policy::new(&self.config).check_hosts(&self.entry.url, self.entry.origin())?;
        let login = match self.entry.credential.as_str() {
            "" => None,
            name => Some((self.credentials)(name).ok_or_else(|| Error::Credential(name.to_owned()))?),
        };
        let open = Open { url: &self.entry.url, login, config: &self.config, fast };
        let pipeline = Pipeline::open(&open, self.on_picture(feed, fast))?;
        let stall = Duration::from_secs_f32(self.config.stall_s);
        let opened = Instant::now();
        let before = lock(feed).received;
        while !self.stop.is_cancelled() {
            let event = pipeline.wait(LOOK);
            let (fresh, age) = {
                let feed = lock(feed);
                let fresh = feed.received > before;
                (fresh, feed.seen.filter(|_| fresh).map_or_else(|| opened.elapsed(), |seen| seen.elapsed()))
            };
            if fresh && age < SECOND {
                health.error.clear();
            }
            self.look(feed, health, fresh && age < stall);
            match event {
                Event::Quiet if age > stall && !fast => return Err(Error::Stalled(stall.as_secs())),
                Event::Quiet => {}
                Event::Failed(error) => return Err(error),
                Event::Ended if self.entry.url.starts_with("file:") => {
                    if self.entry.playback() != v1::Playback::Loop {
                        info!(camera = self.entry.id, frames = lock(feed).received, "file ended");
                        return Ok(());
                    }
                    lock(feed).begin_epoch();
                    pipeline.rewind()?;
                }
                Event::Ended => return Err(Error::Ended),
            }
        }
        Ok(())
    }

    fn on_picture(&self, feed: &Arc<Mutex<Feed>>, fast: bool) -> crate::pipeline::OnPicture {
        let (feed, context, width) = (Arc::clone(feed), self.context.clone(), self.config.analysis_width);
        let (partition, term, stop) = (self.entry.partition, self.term, self.stop.clone());
        let mut preprocessor = Preprocessor::default();
        Box::new(move |picture, pts_us| {
            if stop.is_cancelled() {
                return;
            }
            let frame = lock(&feed).deliver(pts_us, wall_clock(), (picture.width(), picture.height()));
            let Some(frame) = frame.filter(|frame| fast || frame.received_us - frame.time_us < STALE_US)
            else {
                return;
            };
            let picture = at_most(&mut preprocessor, picture, width);
            if let Err(error) = context.publish(with_picture(frame, picture), partition, term) {
                warn!(%error, "frame not published");
            }
        })
    }

    /// Once a second: a heartbeat where no picture went out, the status, and news of an outage.
    fn look(&self, feed: &Arc<Mutex<Feed>>, health: &mut Health, pictures: bool) {
        let now_us = wall_clock();
        if self.entry.playback() == v1::Playback::Fast {
            return;
        }
        if lock(feed).told.elapsed() >= SECOND {
            let kind = if pictures { v1::Heartbeat::NotDecoded } else { v1::Heartbeat::Offline };
            let heartbeat = lock(feed).heartbeat(kind, now_us);
            if let Err(error) = self.context.publish(heartbeat, self.entry.partition, self.term) {
                warn!(%error, "heartbeat not published");
            }
        }
        if health.told.elapsed() >= SECOND {
            health.told = Instant::now();
            let status = self.status(&lock(feed), &health.error, pictures, now_us);
            if let Err(error) = self.context.publish(status, self.entry.partition, self.term) {
                warn!(%error, "status not published");
            }
        }
        if let Some(news) = health.outage.hear(pictures, Instant::now()) {
            let told = anomaly(&self.entry, news, lock(feed).latest(), now_us, &health.error);
            info!(camera = self.entry.id, kind = told.kind, why = told.why, "camera health");
            let partition = topics::partition_of(&self.entry.site);
            if let Err(error) = self.context.record(told, partition, self.term) {
                warn!(camera = self.entry.id, %error, "anomaly not recorded");
            }
        }
    }

    fn status(&self, feed: &Feed, error: &str, connected: bool, now_us: i64) -> v1::Status {
        let (width, height) = feed.source();
        let clock = if feed.jumps > 0 {
            format!("the camera's clock jumped {} times", feed.jumps)
        } else {
            String::new()
        };
        v1::Status {
            camera: self.entry.id.clone(),
            stage: "ingest".to_owned(),
            time_us: now_us,
            connected,
            error: if error.is_empty() { clock } else { error.to_owned() },
            received: feed.received,
            analysed: feed.published,
            dropped: feed.skipped(),
            source_width: width as u32,
            source_height: height as u32,
            camera_version: self.entry.version,
            ..Default::default()
        }
    }
}

struct Health {
    outage: Outage,
    told: Instant,
    error: String,
}

/// A picture made smaller to at most this width, with even sides.
fn at_most(preprocessor: &mut Preprocessor, picture: Picture, width: usize) -> Picture {
    if picture.width() <= width {
        return picture;
    }
    let height = (picture.height() * width).div_ceil(picture.width());
    preprocessor.scale(&picture, width & !1, (height & !1).max(2))
}

fn lock(feed: &Mutex<Feed>) -> MutexGuard<'_, Feed> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}
