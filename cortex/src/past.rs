//! What the store keeps of a camera's past. It is only read, so a running system is not disturbed.

use std::{ops::Range, path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use cortex_ingest::RECORDED_US;
use cortex_proto::v1;
use cortex_runtime::{
    store::{self, Row, Scan, Sqlite, Store, StoredRow, rows, table},
    tables::Tables,
};
use prost::Message;

use crate::config::Config;

/// The store of a system, or of an analysis.
pub(crate) struct Past {
    store: Arc<dyn Store>,
    /// Hours to look back for a state.
    hours: i64,
}

/// The place of a message among those of its camera.
pub(crate) type Place = (u64, u64, i64);

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// Rows that are held at once where all of a span are read.
const PAGE: usize = 256;
/// What is shorter may fit too many events.
const LEAST_ID: usize = 6;

impl Past {
    /// Opens the store of the configuration, or the one that `file` names.
    pub(crate) fn open(config: &Config, file: Option<&Path>) -> anyhow::Result<Self> {
        let hours = (config.store.detections_days * 24.0).ceil() as i64 + 1;
        if file.is_none() && config.store.is_cql() {
            return Ok(Self { store: store::open(&config.store, &config.data)?, hours });
        }
        let path = file.map_or_else(|| config.store.path(&config.data), Path::to_owned);
        if !path.is_file() {
            bail!(
                "there is no store at {}: has Cortex run here, or does `--store` name another?",
                path.display()
            );
        }
        let store = Sqlite::open_read_only(&path).with_context(|| path.display().to_string())?;
        Ok(Self { store: Arc::new(store), hours })
    }

    /// The rules' state with which replay to a moment begins: the last one stored until then, else the first after.
    pub(crate) fn state(&self, camera: &str, time_us: i64) -> anyhow::Result<v1::RuleState> {
        let hour = time_us.div_euclid(HOUR_US);
        for hour in (hour - self.hours..=hour).rev() {
            let states = self.states(camera, hour)?;
            if let Some(state) = states.into_iter().rev().find(|state| state.time_us <= time_us) {
                return Ok(state);
            }
        }
        let later = (hour..=hour + self.hours).find_map(|hour| match self.states(camera, hour) {
            Ok(states) => states.into_iter().next().map(Ok),
            Err(error) => Some(Err(error)),
        });
        later.unwrap_or_else(|| bail!("nothing is stored of a camera `{camera}` around {}", clock(time_us)))
    }

    /// The states stored in an hour, in order.
    pub(crate) fn states(&self, camera: &str, hour: i64) -> anyhow::Result<Vec<v1::RuleState>> {
        let partition = rows::camera_hour(camera, hour * HOUR_US);
        self.read(&table::RULE_STATES, [partition], |state: &v1::RuleState| {
            place(state.frame.as_ref(), state.time_us)
        })
    }

    /// Calls with every state after `from` that began anew, and with every message from there to a moment, in order.
    pub(crate) fn play(
        &self,
        from: &v1::RuleState,
        to_us: i64,
        mut visit: impl FnMut(Played) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let first = place(from.frame.as_ref(), from.time_us);
        for hour in from.time_us.div_euclid(HOUR_US)..=to_us.div_euclid(HOUR_US) {
            let states = self.states(&from.camera, hour)?;
            let mut begun = states
                .into_iter()
                .filter(|state| state.begun)
                .map(|state| (place(state.frame.as_ref(), state.time_us), state));
            let mut next = begun.find(|(place, _)| *place > first);
            for seen in self.seen(&from.camera, hour * HOUR_US, (hour + 1) * HOUR_US - 1)? {
                let place = place(seen.frame.as_ref(), seen.time_us);
                if place < first {
                    continue;
                }
                if seen.time_us > to_us {
                    return Ok(());
                }
                while let Some((_, state)) = next.take_if(|(begun, _)| *begun <= place) {
                    visit(Played::State(state))?;
                    next = begun.next();
                }
                visit(Played::Message(seen))?;
            }
        }
        Ok(())
    }

    /// What the detector saw from one moment to another, both included, in order.
    pub(crate) fn messages(
        &self,
        camera: &str,
        from_us: i64,
        to_us: i64,
    ) -> anyhow::Result<Vec<v1::Detections>> {
        let mut seen = self.seen(camera, from_us, to_us)?;
        seen.retain(|seen| (from_us..=to_us).contains(&seen.time_us));
        Ok(seen)
    }

    /// What the detector saw in the minutes from one moment to another.
    fn seen(&self, camera: &str, from_us: i64, to_us: i64) -> anyhow::Result<Vec<v1::Detections>> {
        let minutes = from_us.div_euclid(MINUTE_US)..=to_us.div_euclid(MINUTE_US);
        let partitions = minutes.map(|minute| rows::minute(camera, minute * MINUTE_US));
        self.read(&table::DETECTIONS, partitions, |seen: &v1::Detections| {
            place(seen.frame.as_ref(), seen.time_us)
        })
    }

    /// Partition and site of every camera that ever was, by id.
    pub(crate) fn places(&self) -> anyhow::Result<Vec<store::Place>> {
        let rows = self.store.scan(&Scan::table(&table::PLACES))?;
        let read = |row: &StoredRow| {
            store::Place::read(&row.partition, &row.body)
                .with_context(|| format!("the place of camera {} in the store is broken", row.partition))
        };
        rows.iter().map(read).collect()
    }

    /// Calls with every message of a camera or of a site that may be of this span, and some from just before and after,
    /// minute by minute, within one in the order of their places. No more than a page of them is held.
    pub(crate) fn walk<M: Row + Message + Default>(
        &self,
        of: &str,
        span: &Range<i64>,
        mut visit: impl FnMut(M) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for minute in span.start.div_euclid(MINUTE_US)..=(span.end - 1).div_euclid(MINUTE_US) {
            let partition = rows::minute(of, minute * MINUTE_US);
            let mut scan = Scan { limit: PAGE, ..Scan::all(M::TABLE, &partition) };
            loop {
                let page = self.store.scan(&scan)?;
                for row in &page {
                    visit(M::decode(row.body.as_slice()).context("a stored row is broken")?)?;
                }
                match page.last() {
                    // The first place after that one.
                    Some(last) if page.len() == PAGE => scan.from = [&*last.sort, &[0]].concat(),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Rows of some partitions, by their place. Rows lie by role first, and a camera may change its role.
    fn read<M: Message + Default, K: Ord>(
        &self,
        table: &'static table::Table,
        partitions: impl IntoIterator<Item = String>,
        place: impl Fn(&M) -> K,
    ) -> anyhow::Result<Vec<M>> {
        let mut messages = Vec::new();
        for partition in partitions {
            for row in self.store.scan(&Scan::all(table, &partition))? {
                messages.push(M::decode(row.body.as_slice()).context("a stored row is broken")?);
            }
        }
        messages.sort_by_key(place);
        Ok(messages)
    }

    /// What the rules of a camera found from one moment to another, in order of time.
    pub(crate) fn anomalies(
        &self,
        state: &v1::RuleState,
        from_us: i64,
        to_us: i64,
    ) -> anyhow::Result<Vec<v1::Anomaly>> {
        let mut found = Vec::new();
        for minute in from_us.div_euclid(MINUTE_US)..=to_us.div_euclid(MINUTE_US) {
            let partition = rows::minute(&state.site, minute * MINUTE_US);
            let scan = Scan {
                from: from_us.max(0).to_be_bytes().to_vec(),
                to: (to_us + 1).to_be_bytes().to_vec(),
                ..Scan::all(&table::ANOMALIES, &partition)
            };
            for row in self.store.scan(&scan)? {
                let anomaly = v1::Anomaly::decode(row.body.as_slice())?;
                if anomaly.camera == state.camera {
                    found.push(anomaly);
                }
            }
        }
        Ok(found)
    }

    /// The alert of this id with all its anomalies, or the anomaly of this id alone. The beginning of an id is enough
    /// when nothing else begins so.
    pub(crate) fn find(&self, id: &str) -> anyhow::Result<(Option<v1::Alert>, Vec<v1::Anomaly>)> {
        if id.len() < LEAST_ID {
            bail!("an id has {LEAST_ID} characters at least; `cortex watch --json` shows them");
        }
        let mut alerts: Vec<v1::Alert> = Vec::new();
        for row in self.store.scan(&Scan::table(&table::ALERTS))? {
            let alert = v1::Alert::decode(row.body.as_slice())?;
            if alert.id.starts_with(id) {
                alerts.push(alert);
            }
        }
        alerts.sort_by_key(|alert| alert.revision);
        if alerts.iter().any(|alert| alert.id != alerts[0].id) {
            bail!("several alerts begin with `{id}`");
        }
        if let Some(last) = alerts.last() {
            let mut anomalies: Vec<v1::Anomaly> =
                alerts.iter().filter_map(|alert| alert.latest.clone()).collect();
            anomalies.dedup_by(|one, other| one.id == other.id);
            return Ok((Some(last.clone()), anomalies));
        }
        let mut anomalies = Vec::new();
        for row in self.store.scan(&Scan::table(&table::ANOMALIES))? {
            // The place is the time, then the id.
            if row.sort.get(8..).is_some_and(|rest| rest.starts_with(id.as_bytes())) {
                anomalies.push(v1::Anomaly::decode(row.body.as_slice())?);
            }
        }
        match anomalies.len() {
            0 => bail!("there is no alert and no anomaly `{id}` in the store"),
            1 => Ok((None, anomalies)),
            _ => bail!("several anomalies begin with `{id}`"),
        }
    }

    /// The cloaked picture of a frame, when one was kept.
    pub(crate) fn still(&self, frame: &v1::FrameId, time_us: i64) -> anyhow::Result<Option<Vec<u8>>> {
        let still = v1::Still { frame: Some(frame.clone()), time_us, ..Default::default() };
        let body = self.store.get(&table::STILLS, &still.partition(), &still.sort())?;
        Ok(body.map(|body| v1::Still::decode(body.as_slice())).transpose()?.map(|still| still.jpeg))
    }
}

/// What [`Past::play`] comes across.
pub(crate) enum Played {
    /// A start, or new rules: what was remembered before may differ.
    State(v1::RuleState),
    /// A message of `detections`.
    Message(v1::Detections),
}

fn place(frame: Option<&v1::FrameId>, time_us: i64) -> Place {
    frame.map_or((0, 0, time_us), |frame| (frame.epoch, frame.seq, time_us))
}

/// The control plane of one camera as a state has it, with these rules and zones.
pub(crate) fn tables<'a>(
    state: &v1::RuleState,
    rules: impl IntoIterator<Item = &'a v1::Rule>,
    zones: impl IntoIterator<Item = &'a v1::Zone>,
) -> Tables {
    let mut tables = Tables::default();
    tables.take_camera(&v1::Camera {
        id: state.camera.clone(),
        site: state.site.clone(),
        ground: state.ground.clone(),
        ..Default::default()
    });
    tables.zones.extend(zones.into_iter().map(|zone| ((zone.camera.clone(), zone.id.clone()), zone.clone())));
    tables.rules.extend(rules.into_iter().map(|rule| (rule.id.clone(), rule.clone())));
    tables
}

/// A moment as people write it: `2026-05-01T22:00:00Z`, `2026-05-01 22:00` (UTC), or a number: seconds from the
/// beginning of recorded footage.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.trim_end_matches('s').parse::<f64>() {
        return Ok(RECORDED_US.saturating_add((seconds * 1e6).round() as i64));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc().timestamp_micros())
        .ok_or_else(|| {
            "a moment is like 2026-05-01T22:00:00Z, like 2026-05-01 22:00 (UTC), or like 12.5: seconds from the beginning of recorded footage".to_owned()
        })
}

/// A moment for people; of recorded footage the seconds from its beginning.
pub(crate) fn clock(time_us: i64) -> String {
    if (0..DAY_US).contains(&(time_us - RECORDED_US)) {
        return format!("{:.3} s", (time_us - RECORDED_US) as f64 / 1e6);
    }
    DateTime::from_timestamp_micros(time_us)
        .map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
