//! When a camera is offline, and when it has recovered: at most one pair in a debounce window.

use std::time::{Duration, Instant};

use cortex_proto::v1;
use cortex_runtime::{
    Fatal,
    store::{Store, StoredRow, rows::number, table},
};
use sha2::{Digest, Sha256};

use crate::health::{self, Fault};

/// Watches one camera.
#[derive(Debug)]
pub(crate) struct Outage {
    after: Duration,
    down_since: Option<Instant>,
    told: bool,
}

/// What is to be told of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// No pictures for this long.
    Offline(Duration),
    /// Pictures again after this long.
    Recovered(Duration),
}

impl Outage {
    pub(crate) fn new(after: Duration, now: Instant) -> Self {
        Self { after, down_since: Some(now), told: false }
    }

    /// It was told to be offline since `since_us` before this process began: an outage that is still to end.
    pub(crate) fn resume(&mut self, since_us: i64, now_us: i64, now: Instant) {
        let down = Duration::from_micros(u64::try_from(now_us - since_us).unwrap_or(0));
        self.down_since = now.checked_sub(down).or(Some(now));
        self.told = true;
    }

    /// Hears whether pictures come.
    pub(crate) fn hear(&mut self, pictures: bool, now: Instant) -> Option<News> {
        if pictures {
            let down = self.down_since.take()?;
            return std::mem::take(&mut self.told).then(|| News::Recovered(now - down));
        }
        let down = now - *self.down_since.get_or_insert(now);
        if self.told || down < self.after {
            return None;
        }
        self.told = true;
        Some(News::Offline(down))
    }
}

/// Since when a camera is offline, in Unix microseconds, when that was told and nothing since.
pub(crate) fn told(store: &dyn Store, camera: &v1::Camera) -> Result<Option<i64>, Fatal> {
    let row = store.get(&table::OUTAGES, &camera.site, camera.id.as_bytes());
    let row = row.map_err(|error| Fatal::new(format!("read the outage of {}: {error}", camera.id)))?;
    Ok(row.map(|body| number(&body) as i64))
}

/// Keeps that a camera was told to be offline.
pub(crate) fn keep(store: &dyn Store, camera: &v1::Camera, since_us: i64) -> Result<(), Fatal> {
    let row = StoredRow {
        table: table::OUTAGES.name.to_owned(),
        partition: camera.site.clone(),
        sort: camera.id.clone().into_bytes(),
        time_us: since_us,
        body: since_us.to_be_bytes().to_vec(),
    };
    store.write(&[row]).map_err(|error| Fatal::new(format!("keep the outage of {}: {error}", camera.id)))
}

/// It was told to have recovered.
pub(crate) fn forget(store: &dyn Store, camera: &v1::Camera) -> Result<(), Fatal> {
    let gone = store.delete(&table::OUTAGES, &camera.site, camera.id.as_bytes());
    gone.map_err(|error| Fatal::new(format!("forget the outage of {}: {error}", camera.id)))
}

/// The anomaly that tells it.
pub(crate) fn anomaly(
    camera: &v1::Camera,
    news: News,
    frame: v1::FrameId,
    now_us: i64,
    reason: &str,
) -> v1::Anomaly {
    let (kind, severity, down) = match news {
        News::Offline(down) => ("offline", v1::Severity::High, down),
        News::Recovered(down) => ("recovered", v1::Severity::Info, down),
    };
    let seconds = down.as_secs_f64();
    let why = match news {
        News::Offline(_) if reason.is_empty() => format!("no picture for {seconds:.0} s"),
        News::Offline(_) => format!("no picture for {seconds:.0} s: {reason}"),
        News::Recovered(_) => format!("pictures again after {seconds:.0} s"),
    };
    let began_us = now_us - down.as_micros() as i64;
    v1::Anomaly {
        why,
        measures: vec![v1::Measure { name: "down_s".to_owned(), value: seconds, threshold: 0.0 }],
        ..told_of(camera, (kind, severity), frame, (began_us, now_us))
    }
}

/// What every anomaly of a camera's health has.
fn told_of(
    camera: &v1::Camera,
    (kind, severity): (&str, v1::Severity),
    frame: v1::FrameId,
    (began_us, now_us): (i64, i64),
) -> v1::Anomaly {
    let id = Sha256::digest(format!("{kind}/{}/{}/{}/{began_us}", camera.id, frame.epoch, frame.seq));
    v1::Anomaly {
        id: hex::encode(&id[..16]),
        camera: camera.id.clone(),
        site: camera.site.clone(),
        rule: "camera-health".to_owned(),
        kind: kind.to_owned(),
        severity: severity as i32,
        began: Some(frame.clone()),
        began_us,
        frame: Some(frame),
        time_us: now_us,
        received_us: now_us,
        ..Default::default()
    }
}

/// The anomaly that tells of a fault of the picture.
pub(crate) fn fault(
    camera: &v1::Camera,
    news: &health::News,
    frame: v1::FrameId,
    now_us: i64,
) -> v1::Anomaly {
    let (kind, severity) = match (news.over, news.fault) {
        (true, _) => ("recovered", v1::Severity::Info),
        (false, Fault::Looped | Fault::Covered | Fault::Frozen | Fault::Moved) => {
            (news.fault.word(), v1::Severity::High)
        }
        (false, _) => (news.fault.word(), v1::Severity::Medium),
    };
    let measure = v1::Measure {
        name: news.fault.word().to_owned(),
        value: f64::from(news.value),
        threshold: f64::from(news.threshold),
    };
    v1::Anomaly {
        measures: vec![measure],
        why: news.why.clone(),
        ..told_of(camera, (kind, severity), frame, (news.began_us, now_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_break_is_not_told_and_a_long_one_once() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut outage = Outage::new(Duration::from_secs(10), start);
        assert_eq!(outage.hear(true, at(1)), None);
        assert_eq!(outage.hear(false, at(2)), None);
        assert_eq!(outage.hear(false, at(9)), None);
        assert_eq!(outage.hear(true, at(10)), None, "back in time");
        assert_eq!(outage.hear(false, at(11)), None);
        assert_eq!(outage.hear(false, at(21)), Some(News::Offline(Duration::from_secs(10))));
        assert_eq!(outage.hear(false, at(60)), None, "told once");
        assert_eq!(outage.hear(true, at(71)), Some(News::Recovered(Duration::from_secs(60))));
    }
}
