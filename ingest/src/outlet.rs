//! What becomes of decoded pictures: which are published, and under which names.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use cortex_models::{Picture, Preprocessor};
use cortex_proto::v1;
use cortex_runtime::{Context, bus::Writer, runner::wall_clock, telemetry::StageMetrics};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Config,
    clock::Stamp,
    demand::Demand,
    feed::{Arrival, Feed, lock, with_picture},
    health::{Health, News},
    idle::{Fate, valve},
};

/// Takes the pictures of one connection.
pub(crate) struct Outlet {
    pub(crate) feed: Arc<Mutex<Feed>>,
    /// The stream that they are of.
    pub(crate) role: v1::Role,
    pub(crate) idle: Option<valve::Shared>,
    pub(crate) demand: Arc<Demand>,
    pub(crate) config: Config,
    pub(crate) context: Context,
    pub(crate) metrics: Arc<StageMetrics>,
    pub(crate) partition: u32,
    pub(crate) writer: Writer,
    pub(crate) stop: CancellationToken,
    /// Of live cameras, with what was found and is not told yet.
    pub(crate) health: Option<Arc<Mutex<Watched>>>,
    pub(crate) preprocessor: Preprocessor,
    /// Which picture was published last, by its time in the stream.
    pub(crate) told_us: Option<i64>,
}

/// The health of a camera's picture, over its connections.
#[derive(Default)]
pub(crate) struct Watched {
    health: Health,
    pub(crate) news: Vec<News>,
}

impl Outlet {
    pub(crate) fn take(&mut self, picture: Picture, stamp: Stamp) {
        if self.stop.is_cancelled() {
            return;
        }
        let (taken, mut stamp) = (Instant::now(), stamp);
        let fate = self.idle.as_ref().map(|idle| {
            let mut idle = valve::lock(idle);
            let fate = idle.decoded(stamp.pts_us, &picture);
            (fate, idle.left_out())
        });
        let (mut came_us, size) = (wall_clock(), (picture.width(), picture.height()));
        let rare = matches!(fate, Some((Fate::Unchanged(_), _)));
        if let Some((fate, left_out)) = fate {
            left_out.into_iter().for_each(|(reason, count)| self.leave_out(reason, count));
            match fate {
                Fate::Void => return,
                Fate::Unchanged(when) if !self.wants_unchanged(when.pts_us) => {
                    self.watch(&picture, when.came_us);
                    lock(&self.feed).see(size);
                    return self.leave_out("unchanged", 1);
                }
                Fate::Unchanged(when) | Fate::Deliver(Some(when)) => {
                    (came_us, stamp) = (when.came_us, stamp.at(when.pts_us));
                }
                Fate::Deliver(None) => {}
            }
        }
        self.watch(&picture, came_us);
        let arrival = Arrival { role: self.role, stamp, now_us: came_us, size, rare };
        let share = self.demand.share(taken);
        let frame = {
            let mut feed = lock(&self.feed);
            if self.role == v1::Role::Sub && feed.is_detailed(taken) {
                feed.seen = Some(taken);
                return;
            }
            feed.deliver(arrival, share)
        };
        self.metrics.received(1);
        let frame = match frame {
            Ok(frame) => frame,
            Err(reason) => return self.metrics.dropped(reason, 1),
        };
        let picture = at_most(&mut self.preprocessor, picture, self.config.analysis_width);
        let frame = with_picture(frame, picture, self.config.quality);
        match self.context.publish(frame, self.partition, &self.writer) {
            Ok(()) => {
                self.told_us = Some(stamp.pts_us);
                self.metrics.emitted(1);
                self.metrics.age(taken.elapsed());
            }
            Err(error) => warn!(%error, "frame not published"),
        }
    }

    /// Somebody looks at the picture, or it is time to look whether something is there that did not move.
    fn wants_unchanged(&self, pts_us: i64) -> bool {
        let every_us = (self.config.idle_look_s * 1e6) as i64;
        self.demand.viewed(Instant::now())
            || self.told_us.is_none_or(|told_us| !(0..every_us).contains(&(pts_us - told_us)))
    }

    fn watch(&self, picture: &Picture, came_us: i64) {
        if let Some(watched) = &self.health {
            let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
            let news = watched.health.look(picture, came_us);
            watched.news.extend(news);
        }
    }

    fn leave_out(&self, reason: &'static str, count: u64) {
        if count > 0 {
            lock(&self.feed).leave_out(reason, count);
            self.metrics.received(count);
            self.metrics.dropped(reason, count);
        }
    }
}

/// A picture made smaller to at most this width, with even sides.
pub(crate) fn at_most(preprocessor: &mut Preprocessor, picture: Picture, width: usize) -> Picture {
    if picture.width() <= width {
        return picture;
    }
    let height = (picture.height() * width).div_ceil(picture.width());
    preprocessor.scale(&picture, width & !1, (height & !1).max(2))
}
