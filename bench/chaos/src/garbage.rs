//! Messages that no stage can use, among those that it can.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use cortex_proto::{
    Message as _, Topic,
    topics::{self, partition_of},
    v1,
};

use crate::{
    broker::{self, Broker},
    dice::Dice,
    ledger::Happened,
    plant::Plant,
    record,
};

/// Between two; the cameras of a run publish about a hundred messages meanwhile.
const EVERY: Duration = Duration::from_millis(2500);
const SITE: &str = "site-of-camera-0";
const HUGE: usize = 3 << 20;

/// Injects into `frames`, `detections` and `anomalies` for so long.
pub(crate) fn inject(
    plant: &Plant<'_>,
    dice: &mut Dice,
    cameras: usize,
    time: Duration,
) -> anyhow::Result<()> {
    let (brokers, prefix) = (&plant.fleet.servers.kafka, &plant.fleet.name);
    let broker = Broker::open(brokers, prefix)?;
    let places = broker::partitions(brokers, prefix, cameras)?;
    let place = *places.get("camera-0").context("there is a first camera")?;
    let until = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < until {
        for topic in [&topics::FRAMES, &topics::DETECTIONS, &topics::ANOMALIES] {
            let (key, partition) = match topic.key {
                topics::Key::Site => (SITE, partition_of(SITE)),
                _ => ("camera-0", place),
            };
            for (kind, bytes) in kinds(topic, dice) {
                count += 1;
                // A slot of its own, so that no newer picture wins over it before it is read.
                broker.publish(topic, partition, (key, &format!("garbage-{count}")), &bytes)?;
                let sha256 = record::digest(&bytes);
                plant.say(Happened::Injected {
                    topic: topic.noun.to_owned(),
                    kind: kind.to_owned(),
                    sha256,
                })?;
            }
        }
        broker.flush()?;
        thread::sleep(EVERY);
    }
    Ok(())
}

fn kinds(topic: &Topic, dice: &mut Dice) -> Vec<(&'static str, Vec<u8>)> {
    let id = v1::FrameId { camera: "camera-0".into(), epoch: 1, ..Default::default() };
    let mut flipped = match topic.noun {
        noun if noun == topics::FRAMES.noun => {
            v1::Frame { id: Some(id), picture: vec![0xff; 2000], ..Default::default() }.encode()
        }
        noun if noun == topics::DETECTIONS.noun => {
            v1::Detections { frame: Some(id), reason: "x".repeat(50), ..Default::default() }.encode()
        }
        _ => v1::Anomaly { id: "x".repeat(32), site: SITE.into(), ..Default::default() }.encode(),
    };
    // The first tag becomes one of a kind that does not exist; the rest differs each time, so that each has its own digest.
    flipped[0] = 0xff;
    flipped.extend(dice.next().to_le_bytes());
    // A good message, of another topic.
    let other = v1::Status {
        camera: "camera-0".into(),
        time_us: 1,
        error: format!("{:x}", dice.next()),
        ..Default::default()
    };
    let other = other.encode();
    let huge: Vec<u8> =
        dice.next().to_le_bytes().into_iter().cycle().take(HUGE).map(|byte| byte | 7).collect();
    let mut all = vec![("flipped", flipped), ("other schema", other), ("empty", Vec::new())];
    // A picture may be so large, a fact may not: the cluster itself refuses those of its clients.
    if topic.noun == topics::FRAMES.noun {
        all.push(("3 MiB", huge));
    }
    all
}
