//! One camera: keeps its pipeline alive and says how it is.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use cortex_models::Preprocessor;
use cortex_proto::{topics, v1};
use cortex_runtime::{Context, bus::Writer, config::Policy, runner::wall_clock, telemetry::StageMetrics};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Config, Error,
    backoff::{Backoff, jitter},
    demand::Demand,
    detail::Detail,
    feed::{Feed, Pace, RECORDED_US, lock},
    health::Pulse,
    idle::{Idle, Mask, Terms, valve},
    outage::{self, News, Outage, anomaly},
    outlet::{Outlet, Watched},
    pictures,
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
    pub(crate) metrics: Arc<StageMetrics>,
    pub(crate) demand: Arc<Demand>,
    pub(crate) stop: CancellationToken,
}

/// Pictures a second that a camera may be set to at most.
const MOST_RATE: f32 = 60.0;
/// How often the supervisor looks.
const LOOK: u64 = 100;
/// Footage that ends this much before the end that its container states is cut. Sound may be a little longer than the
/// pictures, and a length that is estimated from the bit rate is off by a few percent.
const CUT_US: i64 = 2_000_000;
const CUT_SHARE: i64 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How long an anomaly waits that the store or the bus did not take.
const AGAIN: Duration = Duration::from_secs(2);
/// How often a refused login is compared with what the credentials have by now.
const ASK: Duration = Duration::from_secs(3);
/// Anomalies of one camera that wait at most.
const UNTOLD: usize = 64;

impl Camera {
    /// Runs until it is stopped, or until the file has ended.
    pub(crate) fn run(self) {
        let fast = self.entry.playback() == v1::Playback::Fast;
        // A folder has no more than are wanted, and they come a little early and late.
        let rate = if pictures::folder(&self.entry.url).is_some() { MOST_RATE } else { self.rate() };
        let pace = if fast { Pace::Recorded } else { Pace::Live { rate: f64::from(rate) } };
        let feed =
            Arc::new(Mutex::new(Feed::new(self.entry.clone(), self.term, pace, self.config.detect_every)));
        let mut backoff = Backoff::default();
        let mut health = Health {
            untold: VecDeque::new(),
            again: Instant::now(),
            outage: Outage::new(Duration::from_secs_f32(self.config.offline_after_s), Instant::now()),
            told: Instant::now(),
            error: String::new(),
            decoder: String::new(),
            watched: Arc::default(),
            pulse: Pulse::default(),
        };
        match outage::told(&*self.context.store, &self.entry) {
            Ok(Some(since_us)) => health.outage.resume(since_us, wall_clock(), Instant::now()),
            Ok(None) => {}
            Err(error) => warn!(camera = self.entry.id, %error, "not known whether it was offline before"),
        }
        while !self.stop.is_cancelled() {
            lock(&feed).begin_epoch();
            let played = catch_unwind(AssertUnwindSafe(|| self.play(&feed, &mut health, fast)));
            let error = match played {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => {
                    Some(Error::Stream("the camera's thread panicked; the message is in the log".to_owned()))
                }
            };
            if fast && !self.stop.is_cancelled() {
                self.last_word(&lock(&feed), error.as_ref());
            }
            // Recorded footage has no second try.
            let Some(error) = error.filter(|_| !fast) else { return };
            if lock(&feed).seen.is_some_and(|seen| seen.elapsed() < Duration::from_secs(30)) {
                backoff.succeeded();
            }
            let wait = backoff.failed(&error, jitter());
            warn!(camera = self.entry.id, %error, wait_s = wait.as_secs_f32(), "stream lost, reconnecting");
            health.error = error.to_string();
            let until = Instant::now() + wait;
            // The camera refuses this login; another one need not wait.
            let refused = matches!(error, Error::Login | Error::Credential(_)).then(|| self.login());
            let mut asked = Instant::now();
            while Instant::now() < until && !self.stop.is_cancelled() {
                std::thread::park_timeout(Duration::from_millis(LOOK));
                self.look(&feed, &mut health, Seen::NOTHING);
                if let Some(refused) = &refused
                    && asked.elapsed() >= ASK
                {
                    asked = Instant::now();
                    if self.login() != *refused {
                        info!(camera = self.entry.id, "the login was changed, reconnecting");
                        break;
                    }
                }
            }
        }
    }

    /// One connection, to its end. `Ok` when there is nothing more to play.
    fn play(&self, feed: &Arc<Mutex<Feed>>, health: &mut Health, fast: bool) -> Result<(), Error> {
        let role = lock(feed).role();
        let watched = (self.config.health && !fast).then(|| Arc::clone(&health.watched));
        let outlet = Outlet { health: watched, ..self.outlet(feed, role, fast) };
        let idle = outlet.idle.clone();
        let pipeline = self.connect(outlet, fast)?;
        let mut zones = 0;
        let mut detail = (role == v1::Role::Sub).then(Detail::default);
        let stall = Duration::from_secs_f32(self.config.stall_s);
        let opened = Instant::now();
        let before = lock(feed).received;
        let mut broken = None;
        let mut named = false;
        while !self.stop.is_cancelled() {
            let event = pipeline.wait(LOOK);
            let (fresh, age) = {
                let feed = lock(feed);
                let fresh = feed.received > before;
                (fresh, feed.seen.filter(|_| fresh).map_or_else(|| opened.elapsed(), |seen| seen.elapsed()))
            };
            let (heard, rests, settled_us, arrived) = idle.as_ref().map_or((None, false, None, 0), |idle| {
                let idle = valve::lock(idle);
                (idle.heard(), idle.rests(), idle.settled_us(), idle.arrived())
            });
            let age = heard.filter(|_| fresh).map_or(age, |heard| age.min(heard.elapsed()));
            let age = pipeline.joins().map_or(age, |joins| age.min(joins));
            if fresh && age < SECOND {
                health.error.clear();
            }
            if fresh && !named {
                named = true;
                self.name_decoder(&pipeline, health);
            }
            if let Some(idle) = &idle {
                self.cover(idle, &mut zones);
            }
            if let Some(detail) = &mut detail {
                detail.tend(self, feed);
                if fresh && health.error.is_empty() {
                    health.error = detail.trouble();
                }
            }
            let seen = Seen { pictures: fresh && age < stall, rests, settled_us, arrived };
            self.look(feed, health, seen);
            let event = match event {
                // What was read before a file broke is still decoded, up to the end that follows.
                Event::Failed(error) if fast && fresh => {
                    broken.get_or_insert(error);
                    continue;
                }
                event => event,
            };
            if let Some(error) = broken.take_if(|_| matches!(event, Event::Ended) || age > stall) {
                return Err(error);
            }
            match event {
                Event::Quiet if age > stall && !fast => return Err(Error::Stalled(stall.as_secs())),
                Event::Quiet => {}
                Event::Failed(error) => return Err(error),
                Event::Ended if fast => {
                    self.settle(feed, idle.as_ref());
                    return whole(&lock(feed), fresh, pipeline.length_us());
                }
                Event::Ended if self.address(role).starts_with("file:") => {
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

    /// Takes masks over, when zones changed since `version`.
    fn cover(&self, idle: &valve::Shared, version: &mut u64) {
        let tables = self.context.tables.load();
        if tables.rules_version != *version {
            *version = tables.rules_version;
            valve::lock(idle).cover(Mask::of(tables.zones_of(&self.entry.id)));
        }
    }

    /// The address of a stream.
    fn address(&self, role: v1::Role) -> &str {
        if role == v1::Role::Sub { &self.entry.sub_url } else { &self.entry.url }
    }

    /// Opens a stream, whose pictures the outlet takes.
    pub(crate) fn connect(&self, mut outlet: Outlet, fast: bool) -> Result<Pipeline, Error> {
        let url = self.address(outlet.role);
        Policy::new(&self.config).check_hosts(url, self.entry.origin())?;
        let login = self.login();
        if login.is_none() && !self.entry.credential.is_empty() {
            return Err(Error::Credential(self.entry.credential.clone()));
        }
        let idle = outlet.idle.clone();
        let open = Open {
            url,
            login,
            config: &self.config,
            rate: self.rate(),
            fast,
            idle: idle.as_ref(),
            coding: None,
        };
        Pipeline::open(&open, Box::new(move |picture, stamp| outlet.take(picture, stamp)))
    }

    /// Pictures a second that are analysed.
    fn rate(&self) -> f32 {
        if self.entry.rate > 0.0 { self.entry.rate } else { self.config.rate }
    }

    /// User and password, where the camera's entry names a credential that there is.
    fn login(&self) -> Option<(String, String)> {
        Some(self.entry.credential.as_str())
            .filter(|name| !name.is_empty())
            .and_then(|name| (self.credentials)(name))
    }

    /// Says which decoder was chosen, once and whenever it is another.
    fn name_decoder(&self, pipeline: &Pipeline, health: &mut Health) {
        if let Some((codec, decoder)) = pipeline.decoder()
            && health.decoder != decoder
        {
            info!(camera = self.entry.id, codec, decoder, "decoder chosen");
            health.decoder = decoder;
        }
    }

    /// Who takes the pictures of a stream.
    pub(crate) fn outlet(&self, feed: &Arc<Mutex<Feed>>, role: v1::Role, fast: bool) -> Outlet {
        let terms = Terms::of(self.config.idle, &self.entry, role, fast);
        let idle = terms.map(|terms| Idle::new(&self.config, terms, Arc::clone(&self.demand)));
        Outlet {
            feed: Arc::clone(feed),
            role,
            idle: idle.map(|idle| Arc::new(Mutex::new(idle))),
            demand: Arc::clone(&self.demand),
            config: self.config.clone(),
            context: self.context.clone(),
            metrics: Arc::clone(&self.metrics),
            partition: self.entry.partition,
            writer: self.writer(),
            stop: self.stop.clone(),
            health: None,
            preprocessor: Preprocessor::default(),
            told_us: None,
        }
    }

    /// Footage ended: what was held back to its end is counted.
    fn settle(&self, feed: &Mutex<Feed>, idle: Option<&valve::Shared>) {
        let Some(mut idle) = idle.map(valve::lock) else { return };
        for (reason, count) in idle.left_out().into_iter().filter(|(_, count)| *count > 0) {
            let mut feed = lock(feed);
            feed.leave_out(reason, count);
            self.metrics.received(count);
            self.metrics.dropped(reason, count);
            feed.reach(idle.latest_us());
        }
    }

    /// Once a second: a heartbeat where no picture went out, the status, and news of an outage.
    fn look(&self, feed: &Arc<Mutex<Feed>>, health: &mut Health, seen: Seen) {
        let Seen { pictures, rests, settled_us, .. } = seen;
        let now_us = wall_clock();
        if self.entry.playback() == v1::Playback::Fast {
            return;
        }
        if lock(feed).told.elapsed() >= SECOND {
            let kind = match (pictures, rests) {
                (false, _) => v1::Heartbeat::Offline,
                (true, true) => v1::Heartbeat::Unchanged,
                (true, false) => v1::Heartbeat::NotDecoded,
            };
            // Time does not go on past frames that may be decoded yet.
            let heartbeat = lock(feed).heartbeat(kind, settled_us.unwrap_or(now_us));
            if let Err(error) = self.context.publish(heartbeat, self.entry.partition, &self.writer()) {
                warn!(%error, "heartbeat not published");
            }
        }
        if health.told.elapsed() >= SECOND {
            health.told = Instant::now();
            self.examine(feed, health, seen, now_us);
            let status = self.status(&lock(feed), &health.error, pictures, now_us);
            if let Err(error) = self.context.publish(status, self.entry.partition, &self.writer()) {
                warn!(%error, "status not published");
            }
        }
        if let Some(news) = health.outage.hear(pictures, Instant::now()) {
            let told = anomaly(&self.entry, news, lock(feed).latest(), now_us, &health.error);
            info!(camera = self.entry.id, kind = told.kind, why = told.why, "camera health");
            health.untold.push_back((Some(news), told));
        }
        self.tell(health);
    }

    /// Once a second: what is wrong with what comes.
    fn examine(&self, feed: &Mutex<Feed>, health: &mut Health, seen: Seen, now_us: i64) {
        if !self.config.health {
            return;
        }
        let (frames, off_us, frame) = {
            let feed = lock(feed);
            (feed.received, feed.clock_off_us(), feed.latest())
        };
        // Those that are held back count as they arrive.
        let frames = if seen.arrived > 0 { seen.arrived } else { frames };
        let mut news = health.pulse.feel(seen.pictures.then_some(frames), off_us, now_us);
        news.append(&mut health.watched.lock().unwrap_or_else(PoisonError::into_inner).news);
        for news in news {
            let told = outage::fault(&self.entry, &news, frame.clone(), now_us);
            info!(camera = self.entry.id, kind = told.kind, why = told.why, "camera health");
            health.untold.push_back((None, told));
        }
    }

    /// Records what happened to the camera, in order. What the store does not take waits: it is a fact. An outage is
    /// kept in the store until its end is told: one that ends after a restart is told to have ended.
    fn tell(&self, health: &mut Health) {
        let partition = topics::partition_of(&self.entry.site);
        let store = &*self.context.store;
        while let Some((news, told)) = health.untold.front().filter(|_| Instant::now() >= health.again) {
            let record = || self.context.record(told.clone(), partition, &self.writer());
            // Kept before `offline` and until after `recovered`: a crash between may tell one that nobody waits for,
            // and never leaves one out.
            let done = match news {
                Some(News::Offline(_)) => {
                    outage::keep(store, &self.entry, told.began_us).and_then(|()| record())
                }
                Some(News::Recovered(_)) => record().and_then(|()| outage::forget(store, &self.entry)),
                None => record(),
            };
            if let Err(error) = done {
                warn!(camera = self.entry.id, %error, waiting = health.untold.len(), "anomaly not recorded, tried again");
                health.again = Instant::now() + AGAIN;
                // Pairs of offline and recovered: the oldest go, what is true now stays.
                let excess = health.untold.len().saturating_sub(UNTOLD);
                health.untold.drain(..excess);
                return;
            }
            if told.kind != "recovered" {
                // Like every demand it is said once and not waited for.
                let clip = v1::Demand::clip("ingest", told);
                self.context.publish(clip, self.entry.partition, &Writer::ANYBODY).ok();
            }
            health.untold.pop_front();
        }
    }

    /// Who speaks for this camera.
    fn writer(&self) -> Writer {
        Writer::new(format!("ingest/{}", self.entry.id), self.term)
    }

    /// Says how recorded footage ended, to whoever analyses it.
    fn last_word(&self, feed: &Feed, error: Option<&Error>) {
        let error = error.map(ToString::to_string).unwrap_or_default();
        info!(camera = self.entry.id, frames = feed.received, error, "footage ended");
        let status = self.status(feed, &error, false, wall_clock());
        if let Err(error) = self.context.publish(status, self.entry.partition, &self.writer()) {
            warn!(%error, "status not published");
        }
    }

    fn status(&self, feed: &Feed, error: &str, connected: bool, now_us: i64) -> v1::Status {
        let (width, height) = feed.source();
        v1::Status {
            camera: self.entry.id.clone(),
            stage: "ingest".to_owned(),
            time_us: now_us,
            connected,
            error: if error.is_empty() { feed.clock_trouble(Instant::now()) } else { error.to_owned() },
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

/// What the supervisor sees of a connection.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Pictures come.
    pictures: bool,
    /// Nothing moves in them, so that not all are decoded.
    rests: bool,
    /// What becomes of the pictures until then is known; `None` for now.
    settled_us: Option<i64>,
    /// Coded frames of this connection; 0 where they are not counted before they are decoded.
    arrived: u64,
}

impl Seen {
    const NOTHING: Self = Self { pictures: false, rests: false, settled_us: None, arrived: 0 };
}

struct Health {
    /// Anomalies that are not recorded yet, and when the next is tried.
    untold: VecDeque<(Option<News>, v1::Anomaly)>,
    again: Instant,
    outage: Outage,
    told: Instant,
    error: String,
    /// The decoder that was named last.
    decoder: String,
    watched: Arc<Mutex<Watched>>,
    pulse: Pulse,
}

/// Whether footage went on to its end.
fn whole(feed: &Feed, pictures: bool, length_us: Option<i64>) -> Result<(), Error> {
    if !pictures {
        return Err(Error::Stream("there is no picture in it".to_owned()));
    }
    let at_us = feed.time_us().map_or(0, |time_us| time_us - RECORDED_US);
    match length_us {
        Some(length_us) if length_us - at_us > CUT_US.max(length_us / CUT_SHARE) => {
            Err(Error::Cut { at_s: at_us / 1_000_000, of_s: length_us / 1_000_000 })
        }
        _ => Ok(()),
    }
}
