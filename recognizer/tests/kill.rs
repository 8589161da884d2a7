//! `kill -9` in the middle of enrolment: whoever is read afterwards is whole, and a search sees the old or the new.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use cortex_recognizer::{Embedding, Gallery, Person, Search, Template};
use cortex_runtime::store::{Retention, Sqlite, Store};
use support::{SPACE, TODAY_US};

/// Set in the child, to the folder that it works in.
const CHILD: &str = "CORTEX_TEST_ENROLLING";
const PICTURES: usize = 3;

fn gallery(folder: &Path) -> Gallery {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(Some(&folder.join("cortex.db")), retention).unwrap());
    support::open(&store, folder, &Arc::new(AtomicI64::new(TODAY_US)))
}

/// Somebody whose templates all say the same number.
fn person(n: usize) -> Person {
    let template = || Template {
        space: SPACE.into(),
        model: "m".into(),
        quality: 1.0,
        turn: 0.0,
        vector: vec![n as f32; 128],
    };
    let templates = (0..PICTURES).map(|_| template()).collect();
    Person { name: format!("person {n}"), templates, enrolled_us: TODAY_US, ..Person::default() }
}

/// What the child does until it is killed; nothing in the parent.
#[test]
fn enrolling() {
    let Some(folder) = env::var_os(CHILD) else { return };
    let gallery = gallery(Path::new(&folder));
    gallery.put_list(support::list("wanted"), "officer").unwrap();
    let first = gallery.people().len();
    for n in first.. {
        let stills = vec![vec![n as u8; 1_000]; PICTURES];
        gallery.add(person(n), &stills, &["wanted".into()]).unwrap();
        fs::write(Path::new(&folder).join("acknowledged"), n.to_string()).unwrap();
    }
}

#[test]
fn whoever_is_enrolled_when_a_process_is_killed_is_whole_and_nobody_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=6 {
        let acknowledged = folder.path().join("acknowledged");
        let before = fs::read_to_string(&acknowledged).unwrap_or_default();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["enrolling", "--exact"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // In the middle of whatever comes after a few more are acknowledged.
        let said = || fs::read_to_string(&acknowledged).ok().and_then(|text| text.parse::<usize>().ok());
        let until = before.parse::<usize>().unwrap_or_default() + round;
        while said().is_none_or(|n| n < until) {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let gallery = gallery(folder.path());
        let people = gallery.people();
        assert!(people.len() > said().unwrap(), "{} people, {:?} acknowledged", people.len(), said());
        for known in &people {
            let person = gallery.read(&known.id).unwrap().unwrap();
            let number: f32 = known.name.trim_start_matches("person ").parse().unwrap();
            assert_eq!((person.templates.len(), known.stills as usize), (PICTURES, PICTURES));
            assert!(person.templates.iter().all(|template| template.vector == vec![number; 128]));
            assert_eq!(gallery.stills(&known.id).unwrap(), vec![vec![number as u8; 1_000]; PICTURES]);
        }
        let left = gallery.version();
        gallery.renumber().unwrap();
        assert!(gallery.version() > left, "what was left is searched by a number of its own");
    }
}

#[test]
fn a_search_during_a_change_sees_the_old_gallery_or_the_new() {
    let room = support::room();
    room.gallery.put_list(support::list("wanted"), "officer").unwrap();
    let ada = support::person(&room.gallery, "Ada", &[&[1.0, 0.0], &[0.8, 0.6]], &["wanted"]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let probe = Embedding { space: SPACE.into(), vector: vec![1.0, 0.0], plain: Vec::new() };
                    let Search::Nearest(found) = room.gallery.search(&probe) else {
                        panic!("she is on a list in every version")
                    };
                    // One version has her templates at 1.0 and 0.8, the other has them the other way round.
                    assert_eq!((found.person.as_str(), found.similarity), (ada.as_str(), 1.0));
                    assert_eq!(found.lists.len(), 1);
                }
            });
        }
        for _ in 0..50 {
            room.gallery
                .change(&ada, |person| {
                    person.templates.reverse();
                    Ok(())
                })
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
