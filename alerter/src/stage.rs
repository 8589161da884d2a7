//! Where anomalies, identities and acts enter, and alerts and the log leave.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Clock, Collector, Fatal, Key, Poison, Snapshot, Stage, StreamTime, Tables,
    bus::Record,
    runner::WallClock,
    stage,
    store::{self, Scan, Store, rows::number, table},
};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::{
    Config,
    incident::{Because, CAMERA_HEALTH, Incident},
    rhythm::Rhythms,
};

/// What the alerter reads.
pub enum Input {
    /// A rule found something.
    Anomaly(Arc<v1::Anomaly>),
    /// Somebody was recognised, or was not.
    Identity(Arc<v1::Identity>),
    /// A person did something to an alert.
    Act(Arc<v1::Act>),
}

/// The stage.
pub struct Alerter {
    config: Config,
    clock: WallClock,
    partitions: HashMap<Key, Partition>,
}

/// Everything of one partition; it outlives a restart.
#[derive(Default, Serialize, Deserialize)]
struct Partition {
    /// Sequence of the latest alert revision.
    sequence: u64,
    /// Sequence of the latest line of the log.
    log: u64,
    incidents: Vec<Incident>,
    rhythms: Rhythms,
    /// Hashes of what was taken in lately: the same again counts once.
    known: VecDeque<Short>,
}

/// The beginning of a hash: by mistake alike once in 10^11 among as many as are remembered.
type Short = [u8; 6];

/// Revisions looked through for open incidents when the snapshot does not have them.
const RECALLED: usize = 2_000;
/// Ids remembered: more than are redelivered after a crash.
const KNOWN: usize = 2_000;

impl Alerter {
    /// An alerter on this clock.
    pub fn new(config: Config, clock: WallClock) -> Self {
        Self { config, clock, partitions: HashMap::new() }
    }
}

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::ANOMALIES, &topics::IDENTITIES, &topics::ACTS];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        match record.topic.noun {
            "anomalies" => record.message().map(Self::Anomaly),
            "identities" => record.message().map(Self::Identity),
            _ => record.message().map(Self::Act),
        }
    }

    fn wants_models(&self) -> bool {
        false
    }
}

impl Stage for Alerter {
    const NAME: &'static str = "alerter";
    const CLOCK: Clock = Clock::Wall;
    type In = Input;
    type Seen = ();

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<(), Poison>> {
        batch.iter().map(|_| Ok(())).collect()
    }

    fn apply(&mut self, key: &Key, input: &Input, _seen: (), out: &mut Collector) -> Result<(), Fatal> {
        let now_us = (self.clock)();
        let number = key.parse().map_err(|_| Fatal::new(format!("key {key} is no partition")))?;
        let partition = self.partitions.entry(key.clone()).or_default();
        let mut say = Say { partition: number, now_us, out };
        match input {
            Input::Anomaly(anomaly) if partition.is_news(&anomaly.id) => {
                partition.anomaly(anomaly, &self.config, &mut say)
            }
            Input::Identity(identity) if partition.is_news(&identity.id) => {
                partition.identity(identity, &mut say)
            }
            Input::Act(act) if partition.is_news(&act.id) => partition.act(act, &self.config, &mut say),
            _ => {}
        }
        partition.fit(&self.config, &mut say);
        Ok(())
    }

    fn tick(&mut self, key: &Key, now: StreamTime, out: &mut Collector) {
        let (Some(partition), Ok(number)) = (self.partitions.get_mut(key), key.parse()) else { return };
        let mut say = Say { partition: number, now_us: now.0, out };
        partition.tick(&self.config, &mut say);
        partition.fit(&self.config, &mut say);
    }

    fn restore(&mut self, key: &Key, snapshot: Option<Snapshot>) {
        self.partitions
            .insert(key.clone(), snapshot.and_then(|snapshot| snapshot.read()).unwrap_or_default());
    }

    /// Sequences are dense whatever became of the snapshot: the store has the last one, and with it the incidents
    /// that are open.
    fn recall(&mut self, key: &Key, store: &dyn Store) -> Result<(), store::Error> {
        let partition = self.partitions.entry(key.clone()).or_default();
        let last = |table| {
            let rows = store.scan(&Scan::latest(table, key, 1))?;
            Ok::<_, store::Error>(rows.first().map_or(0, |row| number(&row.sort)))
        };
        partition.log = partition.log.max(last(&table::LOG)?);
        let sequence = last(&table::ALERTS)?;
        if sequence > partition.sequence {
            warn!(
                partition = key.as_str(),
                sequence,
                known = partition.sequence,
                "going on from the stored alerts"
            );
            partition.sequence = sequence;
            let rows = store.scan(&Scan::latest(&table::ALERTS, key, RECALLED))?;
            let alerts = rows.iter().filter_map(|row| v1::Alert::decode(row.body.as_slice()).ok());
            partition.recall(alerts);
        }
        Ok(())
    }

    fn snapshot(&self, key: &Key) -> Snapshot {
        self.partitions.get(key).map_or_else(Snapshot::default, Snapshot::of)
    }

    fn release(&mut self, key: &Key) {
        self.partitions.remove(key);
    }

    fn reload(&mut self, _tables: Arc<Tables>) {}
}

/// Where a partition's words go.
struct Say<'a> {
    partition: u32,
    now_us: i64,
    out: &'a mut Collector,
}

impl Partition {
    /// Whether this id has not been taken in yet; it is from now on.
    fn is_news(&mut self, id: &str) -> bool {
        let digest = Sha256::digest(id);
        let short: Short = digest[..6].try_into().expect("a SHA-256 has 32 bytes");
        if self.known.contains(&short) {
            return false;
        }
        self.known.push_back(short);
        if self.known.len() > KNOWN {
            self.known.pop_front();
        }
        true
    }

    /// Takes up incidents from revisions of alerts, latest first.
    fn recall(&mut self, alerts: impl Iterator<Item = v1::Alert>) {
        let mut heard = HashSet::new();
        for alert in alerts.filter(|alert| heard.insert(alert.id.clone())) {
            let newest = Incident::recalled(&alert);
            match self.incidents.iter().position(|incident| incident.id == alert.id) {
                Some(known) => self.incidents[known] = newest,
                None if !newest.is_closed() => self.incidents.push(newest),
                None => {}
            }
        }
        // The oldest come last.
        while self.incidents.len() > 1 && Snapshot::of(self).0.len() > Snapshot::MAX {
            self.incidents.pop();
        }
    }

    fn anomaly(&mut self, anomaly: &v1::Anomaly, config: &Config, say: &mut Say<'_>) {
        self.log(
            v1::LogEntry {
                kind: if anomaly.rule == CAMERA_HEALTH { v1::LogKind::System } else { v1::LogKind::Anomaly }
                    as i32,
                time_us: anomaly.time_us,
                camera: anomaly.camera.clone(),
                site: anomaly.site.clone(),
                text: anomaly.why.clone(),
                severity: anomaly.severity,
                person: anomaly.person.clone(),
                track: anomaly.track,
                frame: anomaly.frame.clone(),
                ..Default::default()
            },
            say,
        );
        // The strongest bond decides; of equal ones the newest incident.
        let bonds = self.incidents.iter().enumerate();
        let bonds = bonds.filter_map(|(index, known)| Some((known.bond(anomaly, config)?, index)));
        let (index, change) = match bonds.max() {
            Some((_, index)) => (index, self.incidents[index].grow(anomaly, say.now_us, config)),
            // A camera that was never told to be away has not recovered.
            None if anomaly.rule == CAMERA_HEALTH && anomaly.kind == "recovered" => return,
            None => {
                self.incidents.push(Incident::open(anomaly, say.now_us));
                (self.incidents.len() - 1, Some("opened"))
            }
        };
        if let Some(change) = change {
            self.tell(index, change, Because::Anomaly(anomaly), config, say);
        }
    }

    fn identity(&mut self, identity: &v1::Identity, say: &mut Say<'_>) {
        let known = !identity.person.is_empty();
        let text = if known {
            let (similarity, threshold) = (identity.similarity, identity.threshold);
            format!("recognised, similarity {similarity:.3} against {threshold:.3}: {}", identity.reason)
        } else {
            identity.reason.clone()
        };
        self.log(
            v1::LogEntry {
                kind: if known { v1::LogKind::Known } else { v1::LogKind::Unknown } as i32,
                time_us: identity.time_us,
                camera: identity.camera.clone(),
                site: identity.site.clone(),
                text,
                severity: v1::Severity::Info as i32,
                person: identity.person.clone(),
                track: identity.track,
                frame: identity.frame.clone(),
                ..Default::default()
            },
            say,
        );
    }

    fn act(&mut self, act: &v1::Act, config: &Config, say: &mut Say<'_>) {
        if let Some(index) = self.incidents.iter().position(|incident| incident.id == act.alert) {
            let change = self.incidents[index].act(act);
            if act.kind() == v1::ActKind::Acknowledge {
                self.incidents[index].verdicts(act).for_each(|verdict| say.out.store(&verdict));
            }
            self.tell(index, change, Because::Act(act), config, say);
        }
    }

    fn tick(&mut self, config: &Config, say: &mut Say<'_>) {
        for index in 0..self.incidents.len() {
            if let Some(change) = self.incidents[index].tick(say.now_us, config) {
                self.tell(index, change, Because::Time, config, say);
            }
        }
    }

    /// Closed incidents stay, so that people can still answer them, until their place is needed; then those go that
    /// were heard of longest ago.
    fn fit(&mut self, config: &Config, say: &mut Say<'_>) {
        while self.incidents.len() > 1 && Snapshot::of(self).0.len() > Snapshot::MAX {
            let oldest = (0..self.incidents.len())
                .min_by_key(|index| (!self.incidents[*index].is_closed(), self.incidents[*index].heard_us()))
                .expect("there are incidents");
            if !self.incidents[oldest].is_closed() {
                self.incidents[oldest].close();
                self.tell(oldest, "closed", Because::Time, config, say);
            }
            self.incidents.remove(oldest);
        }
    }

    fn tell(
        &mut self,
        index: usize,
        mut change: &'static str,
        because: Because<'_>,
        config: &Config,
        say: &mut Say<'_>,
    ) {
        let incident = &mut self.incidents[index];
        if matches!(change, "opened" | "grew")
            && !incident.is_damped()
            && let Some(damping) = self.rhythms.told(incident.cause(), say.now_us, config)
        {
            incident.damp(damping);
            change = "flapping";
        }
        self.sequence += 1;
        let alert = v1::Alert {
            partition: say.partition,
            sequence: self.sequence,
            ..incident.tell(change, because, say.now_us, config)
        };
        say.out.store(&alert);
        say.out.publish(alert);
    }

    fn log(&mut self, mut entry: v1::LogEntry, say: &mut Say<'_>) {
        self.log += 1;
        (entry.partition, entry.sequence) = (say.partition, self.log);
        let id = Sha256::digest(format!("log/{}/{}", say.partition, self.log));
        entry.id = hex::encode(&id[..16]);
        say.out.store(&entry);
        say.out.publish(entry);
    }
}
