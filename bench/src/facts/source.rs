//! What many detectors would write: a packed row and a message for each camera and second, and anomalies, in small batches
//! as their sinks write them. A fact counts once store and bus have acknowledged it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use cortex_proto::{topics::partition_of, v1};
use cortex_runtime::{
    bus::{Bus, Outgoing, Writer, kafka::Kafka},
    config::{self, Secret},
    runner::wall_clock,
    store::{self, Store, StoredRow},
};

use cortex_fleet::Fleet;

/// Threads that write, as workers of a detector would.
const WRITERS: u32 = 4;
/// Batches a second and writer.
const BATCHES: u32 = 10;
/// People in each frame.
const OBJECTS: u64 = 5;
/// Sites that the cameras are at.
const SITES: u32 = 20;

pub(super) struct Source {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    cameras: u32,
    /// Anomalies a second.
    rate: f64,
}

/// What was acknowledged.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    /// Frames with detections.
    pub(super) rows: u64,
    pub(super) anomalies: u64,
}

impl Source {
    pub(super) fn open(fleet: &Fleet<'_>, cameras: u32, rate: f64) -> anyhow::Result<Self> {
        let bus = config::Bus { url: fleet.bus(), replication: 1, ..Default::default() };
        let store = config::Store {
            url: fleet.store(),
            password: Secret::new("cassandra"),
            replication: 1,
            ..Default::default()
        };
        Ok(Self {
            bus: Arc::new(Kafka::open(bus.kafka().context("this is a cluster's address")?)?),
            store: store::open(&store, &config::Data::default())?,
            cameras,
            rate,
        })
    }

    /// Writes for so long; `at_third` is called when a third of it is over.
    pub(super) fn run(&self, time: Duration, at_third: impl FnOnce()) -> anyhow::Result<Sent> {
        let begun = Instant::now();
        thread::scope(|scope| {
            let writers: Vec<_> =
                (0..WRITERS).map(|n| scope.spawn(move || self.write(n, begun, time))).collect();
            thread::sleep(time / 3);
            at_third();
            let mut sent = Sent::default();
            for writer in writers {
                let one = writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
                sent.rows += one.rows;
                sent.anomalies += one.anomalies;
            }
            Ok(sent)
        })
    }

    /// Writes for every camera whose number leaves `writer` over.
    fn write(&self, writer: u32, begun: Instant, time: Duration) -> anyhow::Result<Sent> {
        let own: Vec<u32> = (0..self.cameras).filter(|camera| camera % WRITERS == writer).collect();
        let mut sent = Sent::default();
        for batch in 0.. {
            let due = begun + Duration::from_secs(1) / BATCHES * batch;
            if due >= begun + time {
                return Ok(sent);
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let now = wall_clock();
            let seconds = u64::from(batch / BATCHES);
            let cameras = own.iter().skip((batch % BATCHES) as usize).step_by(BATCHES as usize);
            let frames: Vec<v1::Detections> = cameras.map(|camera| frame(*camera, seconds, now)).collect();
            let wanted = (self.rate / f64::from(WRITERS) * (begun.elapsed().as_secs_f64())) as u64;
            let anomalies: Vec<v1::Anomaly> = (sent.anomalies..wanted)
                .map(|n| anomaly(own[n as usize % own.len()], n, u64::from(writer), now))
                .collect();
            let rows = frames.iter().map(StoredRow::of).chain(anomalies.iter().map(StoredRow::of));
            self.store.write(&rows.collect::<Vec<_>>())?;
            (sent.rows, sent.anomalies) =
                (sent.rows + frames.len() as u64, sent.anomalies + anomalies.len() as u64);
            let frames = frames.into_iter().map(|frame| {
                let partition = frame.frame.as_ref().map_or(0, |frame| partition_of(&frame.camera));
                Outgoing::new(frame, partition)
            });
            let anomalies = anomalies.into_iter().map(|anomaly| {
                let partition = partition_of(&anomaly.site);
                Outgoing::new(anomaly, partition)
            });
            self.bus.publish(&frames.chain(anomalies).collect::<Vec<_>>(), &Writer::ANYBODY)?;
        }
        Ok(sent)
    }
}

fn name(camera: u32) -> String {
    format!("camera-{camera}")
}

fn frame_id(camera: u32, seq: u64) -> v1::FrameId {
    v1::FrameId { camera: name(camera), epoch: 1, seq, ..Default::default() }
}

fn frame(camera: u32, seconds: u64, now: i64) -> v1::Detections {
    let person = |n: u64| v1::Object {
        class: "person".into(),
        score: 0.8,
        r#box: Some(v1::Box { x1: 0.1 * n as f32, y1: 0.4, x2: 0.1 * n as f32 + 0.05, y2: 0.6 }),
        track: u64::from(camera) * 1000 + seconds / 20 * OBJECTS + n + 1,
        state: v1::ObjectState::Detected as i32,
        ..Default::default()
    };
    v1::Detections {
        frame: Some(frame_id(camera, seconds)),
        n: seconds,
        time_us: now,
        received_us: now,
        source_width: 1920,
        source_height: 1080,
        outcome: v1::Outcome::Analysed as i32,
        objects: (0..OBJECTS).map(person).collect(),
        ..Default::default()
    }
}

fn anomaly(camera: u32, n: u64, writer: u64, now: i64) -> v1::Anomaly {
    v1::Anomaly {
        id: format!("{writer}-{n}"),
        camera: name(camera),
        site: format!("site-{}", camera % SITES),
        rule: "gate".into(),
        rule_version: 1,
        kind: "entry".into(),
        severity: v1::Severity::Medium as i32,
        place: "gate".into(),
        track: n + 1,
        class: "person".into(),
        began: Some(frame_id(camera, n)),
        began_us: now,
        frame: Some(frame_id(camera, n)),
        time_us: now,
        received_us: now,
        why: "person entered zone gate".into(),
        ..Default::default()
    }
}
