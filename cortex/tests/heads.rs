//! Nobody's head is seen: heads annotated by hand on real footage lie under the mask in the frames that left, those of
//! people whose face no detector finds included.
//!
//!     clip ── ingest ── detector ── cloaker (solid grey) ── is every head grey?
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use cortex_cloaker::{Cloaker, Style};
use cortex_detector::{Detector, Models};
use cortex_ingest::Ingest;
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Lifecycle, Source, Tables,
    bus::{Embedded, From, Full, Take},
    infer::{Config, Library, Provider},
    runner::{self, wall_clock},
    still,
    store::{Retention, Sqlite},
};

/// Head boxes in pixels of the 768 x 576 picture, by frame: left, top, right, bottom. Heads hidden behind the lamp post
/// are left out.
const HEADS: [(u64, &[[f32; 4]]); 3] = [
    (
        45,
        &[
            [384.5, 177.5, 394.5, 190.0],
            [408.0, 183.5, 418.0, 194.0],
            [448.5, 183.5, 458.5, 195.0],
            [552.5, 226.5, 563.0, 239.0],
            [587.5, 223.5, 602.0, 237.0],
            [724.0, 270.0, 736.0, 282.5],
        ],
    ),
    (
        90,
        &[
            [299.0, 188.5, 308.5, 200.0],
            [385.0, 179.5, 395.0, 191.5],
            [416.0, 183.0, 425.0, 193.0],
            [472.5, 160.0, 481.5, 171.0],
            [496.0, 162.5, 509.0, 173.5],
            [582.0, 172.0, 591.5, 183.0],
        ],
    ),
    (
        135,
        &[
            [124.0, 80.0, 132.5, 89.0],
            [387.5, 185.5, 398.5, 197.5],
            [611.0, 117.5, 619.5, 127.0],
            [630.0, 121.5, 641.0, 130.5],
            [703.0, 117.5, 712.5, 127.5],
            [571.0, 196.5, 584.0, 210.0],
            [648.5, 228.0, 660.0, 241.0],
            [735.0, 252.5, 746.0, 265.5],
        ],
    ),
];

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

#[test]
fn heads_lie_under_the_mask() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let mut tables = Tables::default();
    tables.take_camera(&v1::Camera {
        id: "campus".into(),
        site: "default".into(),
        url: format!("file://{}", support::clip().display()),
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
        context.publish(demand, 0, 0).unwrap();
    };
    look();
    let source = context.clone();
    context.lifecycle.thread("ingest", move || {
        Ingest::new(cortex_ingest::Config::default(), Arc::new(|_| None)).run(source)
    });

    let last = HEADS.iter().map(|(frame, _)| *frame).max().unwrap();
    let (mut seen, mut worst) = (BTreeMap::new(), Vec::new());
    'frames: loop {
        look();
        let records = cloaked.next(Take { count: 16, wait: support::LIMIT }).unwrap();
        assert!(!records.is_empty(), "frames come");
        for record in records {
            let picture = record.message::<v1::Cloaked>().unwrap();
            let frame = picture.frame.as_ref().unwrap().seq;
            if let Some((_, heads)) = HEADS.iter().find(|(annotated, _)| *annotated == frame) {
                assert!(picture.blanked.is_empty(), "frame {frame}: {}", picture.blanked);
                let decoded = still::decode(&picture.jpeg, still::Limits::default()).unwrap();
                for head in *heads {
                    worst.push((grey(&decoded, *head), frame, *head));
                }
                // The rest is still there to look at.
                let all = grey(&decoded, [0.0, 0.0, 768.0, 576.0]);
                assert!(all < 0.35, "{all} of frame {frame} is grey");
                seen.insert(frame, all);
            }
            if frame > last {
                break 'frames;
            }
        }
    }
    context.stop().cancel();
    assert_eq!(seen.len(), HEADS.len(), "every annotated frame left");
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(worst[0].0 >= COVERED, "{:?}", &worst[..3]);
}
