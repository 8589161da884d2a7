//! Nobody's head is seen: heads annotated by hand on real footage lie under the mask in the frames that left, those of
//! people whose face no detector finds included.
//!
//!     clip ── ingest ── detector ── cloaker (solid grey) ── is every head grey?
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use cortex_cloaker::{Cloaker, Style};
use cortex_detector::{Detector, Models};
use cortex_infer::{Config, Library, Provider};
use cortex_ingest::Ingest;
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Lifecycle, Source, Tables,
    bus::{Embedded, From, Full, Take, Writer},
    runner::{self, wall_clock},
    still,
    store::{Retention, Sqlite},
};

/// Head boxes annotated by hand: frame, left, top, right, bottom in pixels of the clip's picture; hair belongs to the
/// head, hair that hangs below the chin does not. Heads hidden behind something are left out.
type Heads = BTreeMap<u64, Vec<[f32; 4]>>;

fn heads(table: &str) -> Heads {
    let mut heads = Heads::new();
    for row in table.lines().skip(1) {
        let row: Vec<f32> = row.split(',').map(|value| value.parse().unwrap()).collect();
        heads.entry(row[0] as u64).or_default().push(row[1..].try_into().unwrap());
    }
    heads
}

/// Of every head, as the promise says.
const COVERED: f32 = 0.95;

/// The share of a box that is grey. `Style::Solid` is luma 110, which is 109 in full range, without colour.
fn grey(picture: &cortex_models::Picture, [x1, y1, x2, y2]: [f32; 4]) -> f32 {
    let plane = &picture.planes()[0];
    let (mut covered, mut all) = (0, 0);
    for y in y1 as usize..y2 as usize {
        for x in x1 as usize..x2 as usize {
            let pixel = &plane.data[y * plane.stride + x * 3..][..3];
            covered += u32::from(pixel.iter().all(|value| value.abs_diff(109) <= 8));
            all += 1;
        }
    }
    covered as f32 / all as f32
}

/// People far away on a path, behind each other, behind a lamp post, turning: no face is found of most.
#[test]
fn heads_of_people_far_away_lie_under_the_mask() {
    judge(&support::clip(), &heads(include_str!("clips/vtest.heads.csv")), 0.35);
}

/// Two people near the camera who bend their heads to the side: their faces are found. They fill the picture.
#[test]
fn heads_of_people_near_lie_under_the_mask() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clips/head-pose.mp4");
    judge(&clip, &heads(include_str!("clips/head-pose.heads.csv")), 1.0);
}

/// Plays a clip and looks at every frame that leaves: annotated heads are grey, and at most this share of the picture.
fn judge(clip: &Path, heads: &Heads, most: f32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let mut tables = Tables::default();
    tables.take_camera(&v1::Camera {
        id: "campus".into(),
        site: "default".into(),
        url: format!("file://{}", clip.display()),
        origin: v1::Origin::File as i32,
        playback: v1::Playback::Fast as i32,
        ..Default::default()
    });
    let bus = Embedded::open(None, Full::Block).unwrap();
    let context = Context {
        bus: Arc::new(bus),
        store: Arc::new(Sqlite::open(None, retention).unwrap()),
        tables: Arc::new(ArcSwap::from_pointee(tables)),
        lifecycle: Lifecycle::new(runtime.handle().clone()),
    };
    let mut cloaked = context.bus.tail(&[&topics::CLOAKED], From::End).unwrap();
    let infer = Config { models: support::models(), providers: vec![Provider::Cpu], ..Config::default() };
    let library = Library::load(&infer).unwrap();
    let config = cortex_detector::Config::default();
    runner::spawn(&context, &runner::Config::default(), || {
        Ok(Detector::new(config.clone(), Some(Models::load(&library, &infer, &config).unwrap())))
    })
    .unwrap();
    let cloaker = cortex_cloaker::Config {
        style: Style::Solid,
        live_rate: 60.0,
        quality: 95,
        // Footage is played as fast as the detector can: its frames are never too old.
        held_s: f32::MAX,
        ..cortex_cloaker::Config::default()
    };
    runner::spawn(&context, &runner::Config::default(), || Ok(Cloaker::new(cloaker.clone()))).unwrap();
    let look = || {
        let demand = v1::Demand {
            camera: "campus".into(),
            asker: "viewer/test".into(),
            viewer: true,
            time_us: wall_clock(),
            ..Default::default()
        };
        context.publish(demand, 0, &Writer::ANYBODY).unwrap();
    };
    look();
    let source = context.clone();
    context.lifecycle.thread("ingest", move || {
        Ingest::new(cortex_ingest::Config::default(), Arc::new(|_| None)).run(source)
    });

    let last = *heads.keys().max().unwrap();
    let (mut seen, mut worst) = (BTreeMap::new(), Vec::new());
    'frames: loop {
        look();
        let records = cloaked.next(Take { count: 16, wait: support::LIMIT }).unwrap();
        assert!(!records.is_empty(), "frames come");
        for record in records {
            let picture = record.message::<v1::Cloaked>().unwrap();
            let frame = picture.frame.as_ref().unwrap().seq;
            if let Some(boxes) = heads.get(&frame) {
                assert!(picture.blanked.is_empty(), "frame {frame}: {}", picture.blanked);
                let decoded = still::decode(&picture.jpeg, still::Limits::default()).unwrap();
                worst.extend(boxes.iter().map(|head| (grey(&decoded, *head), frame, *head)));
                // The rest is still there to look at.
                let (width, height) = (decoded.width() as f32, decoded.height() as f32);
                let all = grey(&decoded, [0.0, 0.0, width, height]);
                assert!(all < most, "{all} of frame {frame} is grey");
                seen.insert(frame, all);
            }
            if frame > last {
                break 'frames;
            }
        }
    }
    context.stop().cancel();
    assert_eq!(seen.len(), heads.len(), "every annotated frame left");
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    let open: Vec<_> = worst.iter().filter(|(covered, ..)| *covered < COVERED).collect();
    let grey = seen.values().sum::<f32>() / seen.len() as f32;
    assert!(
        open.is_empty(),
        "{} of {} heads are seen, with {grey} masked: {open:?}",
        open.len(),
        worst.len()
    );
}
