//! An honest ledger passes, and each lie is found by the check that is there for it.

use super::*;
use crate::{
    ledger::{
        Act, Alert, Anomaly, Answer, Body, Frame, Happened, Identity, Message, Moment, Outcome, Phase, Row,
        Seen, Told, Vital,
    },
    stamp::Stamp,
};

const SECOND: i64 = 1_000_000;

fn message(topic: &str, offset: i64, at_us: i64, body: Body) -> Message {
    let (owner, term) = ("detector/0".to_owned(), 2);
    Message { at_us, topic: topic.to_owned(), partition: 0, offset, owner, term, body }
}

fn frame(n: u64) -> Frame {
    // Every third picture is published.
    let stamp = Some(Stamp { camera: 0, number: (n * 3) as u16 });
    Frame { camera: "camera-0".into(), epoch: 1, seq: n * 3, n, heartbeat: false, skipped: n * 2, stamp }
}

fn seen(n: u64) -> Seen {
    let at_us = n as i64 * SECOND / 3;
    Seen {
        camera: "camera-0".into(),
        epoch: 1,
        seq: n * 3,
        n,
        time_us: at_us,
        received_us: at_us,
        outcome: Outcome::Processed,
        tracks: vec![(7, [0.1, 0.1, 0.2, 0.3])],
    }
}

fn anomaly(number: u64) -> Anomaly {
    let time_us = (number as i64 + 1) * 10 * SECOND;
    Anomaly {
        id: format!("anomaly-{number}"),
        camera: "camera-0".into(),
        rule: "gate".into(),
        track: 7,
        began_us: time_us,
        time_us,
        epoch: 1,
        seq: number * 30,
        place: [0.1, 0.1, 0.2, 0.3],
    }
}

fn alert(number: u64) -> Alert {
    Alert {
        id: format!("alert-{number}"),
        revision: 1,
        partition: 4,
        sequence: number + 1,
        site: "site".into(),
        count: 1,
        closed: false,
        act: String::new(),
        comment: String::new(),
        anomalies: vec![format!("anomaly-{number}")],
    }
}

/// The revision that an operator's words made of the last alert.
fn said() -> Alert {
    let (act, comment) = ("act-1".into(), "words 1".into());
    Alert { revision: 2, sequence: 4, act, comment, ..alert(2) }
}

/// A quiet minute: 180 frames, all but one answered, three events, two subscribers, and an operator who says something.
fn honest() -> Evidence {
    let mut evidence = Evidence::default();
    for n in 0..180 {
        let at_us = n as i64 * SECOND / 3;
        evidence.messages.push(message("frames", n as i64, at_us, Body::Frame(frame(n))));
        if n != 90 {
            evidence.messages.push(message("detections", n as i64, at_us, Body::Seen(seen(n))));
            evidence.rows.push(Row::Seen(seen(n)));
        }
    }
    for number in 0..3 {
        let at_us = anomaly(number).time_us;
        evidence.messages.push(message("anomalies", number as i64, at_us, Body::Anomaly(anomaly(number))));
        evidence.messages.push(message("alerts", number as i64, at_us, Body::Alert(alert(number))));
        evidence.rows.extend([Row::Anomaly(anomaly(number)), Row::Alert(alert(number))]);
    }
    evidence.messages.push(message("alerts", 3, 31 * SECOND, Body::Alert(said())));
    evidence.rows.push(Row::Alert(said()));
    let (id, answer) = (said().id, Answer::Revision(2));
    evidence.acts.push(Act { at_us: 30 * SECOND, alert: id, words: said().comment, answer });
    for subscriber in 0..2 {
        let told = [(1, None), (1, Some(alert(0))), (1, Some(alert(1))), (2, None), (2, Some(alert(2)))];
        for (connection, alert) in told.into_iter().chain([(2, Some(said()))]) {
            evidence.told.push(Told { at_us: 0, subscriber, connection, alert });
        }
    }
    for (at_us, phase) in [(5, Phase::Steady), (20, Phase::Fault), (40, Phase::Settle), (59, Phase::End)] {
        evidence.history.push(Moment { at_us: at_us * SECOND, what: Happened::Phase(phase) });
    }
    for second in 0..60 {
        evidence.vitals.push(Vital {
            at_us: second * SECOND,
            instance: "detector-1".into(),
            process: 1,
            memory_mib: 200.0,
            threads: 20,
            files: 50,
            cpu_s: second as f64 / 2.0,
        });
    }
    evidence.logs.push(("detector-1".into(), "all is well".into()));
    evidence
}

const CALM: Switches = Switches { seen: 1000, switches: 10 };

/// What is missed.
fn missed(fault: Fault, evidence: &Evidence) -> Vec<String> {
    let (checks, _) = judge(fault, evidence, &Truth::default(), Some(CALM));
    checks.into_iter().filter(|check| !check.met).map(|check| check.name).collect()
}

fn happened(evidence: &mut Evidence, at_s: i64, what: Happened) {
    evidence.history.push(Moment { at_us: at_s * SECOND, what });
}

/// Killed at 30 s, started at 31, ready at 32.
fn killed(instance: &str) -> Evidence {
    let mut evidence = honest();
    happened(&mut evidence, 30, Happened::Killed { instance: instance.into() });
    happened(&mut evidence, 31, Happened::Started { instance: instance.into() });
    happened(&mut evidence, 32, Happened::Ready { instance: instance.into() });
    evidence
}

/// Nothing was analysed meanwhile.
fn silent(evidence: &mut Evidence, from_s: i64, to_s: i64) {
    let away = from_s * SECOND..to_s * SECOND;
    evidence.messages.retain(|message| message.topic != "detections" || !away.contains(&message.at_us));
    evidence.rows.retain(|row| !matches!(row, Row::Seen(seen) if away.contains(&seen.time_us)));
}

fn found(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
    let mut evidence = honest();
    change(&mut evidence);
    missed(Fault::Calm, &evidence)
}

fn of<'a>(evidence: &'a mut Evidence, topic: &str) -> impl Iterator<Item = &'a mut Message> {
    evidence.messages.iter_mut().filter(move |message| message.topic == topic)
}

#[test]
fn an_honest_ledger_passes() {
    assert_eq!(found(|_| {}), [""; 0]);
}

#[test]
fn without_a_calm_run_nothing_is_said_to_be_as_calm() {
    let unsure = |fault: Fault| {
        let (checks, _) = judge(fault, &honest(), &Truth::default(), None);
        checks.iter().any(|check| check.name == "identity switches" && !check.met)
    };
    assert!([Fault::F2Alone, Fault::F10, Fault::F11].into_iter().all(unsure));
    assert!(!unsure(Fault::F2), "it is told, not judged");
}

#[test]
fn a_detector_that_begins_anew_is_found() {
    let mut evidence = honest();
    let handed_over =
        |evidence: &Evidence| !missed(Fault::F10, evidence).contains(&"state handed over".into());
    assert!(!handed_over(&evidence), "nothing was handed over");
    of(&mut evidence, "detections").skip(100).for_each(|message| message.term += 1);
    assert!(handed_over(&evidence));
    for message in of(&mut evidence, "detections").skip(100) {
        let Body::Seen(seen) = &mut message.body else { continue };
        seen.tracks[0].0 = 8;
    }
    assert!(!handed_over(&evidence), "all that are there are others");
}

#[test]
fn a_drop_that_was_renumbered_is_found() {
    // A process died with a frame in hand, and its successor counted on as if there had been none.
    let hidden = found(|evidence| {
        for message in of(evidence, "frames").skip(100) {
            let Body::Frame(frame) = &mut message.body else { continue };
            frame.stamp = frame.stamp.map(|stamp| Stamp { number: stamp.number + 3, ..stamp });
        }
    });
    assert_eq!(hidden, ["I1 conservation"]);
}

#[test]
fn frames_that_never_were_or_were_answered_twice_are_found() {
    let invented = found(|evidence| {
        let ghost = Seen { n: 500, seq: 1500, ..seen(179) };
        evidence.messages.push(message("detections", 900, 0, Body::Seen(ghost.clone())));
        evidence.rows.push(Row::Seen(ghost));
    });
    assert_eq!(invented, ["I1 conservation"]);
    let twice = found(|evidence| {
        let otherwise = Seen { outcome: Outcome::Skipped, ..seen(3) };
        evidence.messages.push(message("detections", 901, 0, Body::Seen(otherwise)));
    });
    assert_eq!(twice, ["I1 conservation"]);
    let repeated = found(|evidence| {
        evidence.messages.push(message("detections", 901, 0, Body::Seen(seen(3))));
    });
    assert!(repeated.is_empty(), "{repeated:?}");
    let torn = found(|evidence| {
        let Some(Message { body: Body::Frame(frame), .. }) = of(evidence, "frames").nth(5) else { return };
        frame.stamp = None;
    });
    assert_eq!(torn, ["I1 conservation"]);
}

#[test]
fn what_a_zombie_said_does_not_count() {
    let zombie = Message { term: 1, ..message("detections", 902, 0, Body::Seen(seen(3))) };
    let mut messages = honest().messages;
    messages.push(zombie);
    let (heard, outdated) = evidence::heard(messages);
    assert_eq!((heard.len(), outdated), (honest().messages.len(), 1));
}

#[test]
fn a_lost_fact_is_found() {
    let lost = |of: fn(&Row) -> bool| {
        found(|evidence| {
            let index = evidence.rows.iter().position(of).unwrap();
            evidence.rows.remove(index);
        })
    };
    assert_eq!(lost(|row| matches!(row, Row::Anomaly(_))), ["I2 anomalies"]);
    assert_eq!(lost(|row| matches!(row, Row::Seen(_))), ["I2 detections"]);
    // A subscriber was told of what is not there.
    assert_eq!(lost(|row| matches!(row, Row::Alert(_))), ["I2 alerts", "I3 alerts delivered"]);
    let undelivered = found(|evidence| {
        evidence
            .messages
            .retain(|message| !matches!(&message.body, Body::Anomaly(anomaly) if anomaly.id == "anomaly-1"))
    });
    assert_eq!(undelivered, ["I2 anomalies"], "stored, and never published");
}

#[test]
fn an_act_that_does_not_count_or_counts_twice_is_found() {
    let answered = |answer: Answer, revisions: &[Alert]| {
        let mut evidence = honest();
        let words = "words 2".to_owned();
        evidence.acts.push(Act { at_us: 31 * SECOND, alert: alert(2).id, words: words.clone(), answer });
        for (index, revision) in revisions.iter().enumerate() {
            let (sequence, comment) = (5 + index as u64, words.clone());
            let act = Alert { revision: sequence as u32 - 2, sequence, comment, ..revision.clone() };
            evidence.messages.push(message("alerts", 4 + index as i64, 0, Body::Alert(act.clone())));
            evidence.rows.push(Row::Alert(act.clone()));
            for subscriber in 0..2 {
                evidence.told.push(Told { at_us: 0, subscriber, connection: 2, alert: Some(act.clone()) });
            }
        }
        missed(Fault::Calm, &evidence)
    };
    let failed = || Answer::Failed("it was away".into());
    assert_eq!(answered(Answer::Revision(3), &[said()]), [""; 0]);
    assert_eq!(answered(Answer::Revision(3), &[]), ["I2 acts"]);
    assert_eq!(answered(Answer::Revision(4), &[said()]), ["I2 acts"], "another's revision");
    assert_eq!(answered(Answer::WrittenDown, &[]), ["I2 acts"]);
    assert_eq!(answered(failed(), &[]), [""; 0], "nobody was told that it counts");
    assert_eq!(answered(failed(), &[said(), said()]), ["I2 acts"]);
    let elsewhere = Alert { id: alert(1).id, ..said() };
    assert_eq!(answered(failed(), &[elsewhere]), ["I2 acts"]);
    assert_eq!(found(|evidence| evidence.acts.clear()), ["I2 acts"], "nobody acted");
}

#[test]
fn detections_may_be_open_around_a_death_only() {
    let without = |evidence: &Evidence, gone: std::ops::Range<u64>| {
        let mut evidence = evidence.clone();
        evidence.rows.retain(|row| !matches!(row, Row::Seen(seen) if gone.contains(&seen.n)));
        missed(Fault::Calm, &evidence)
    };
    let evidence = killed("detector-1");
    assert_eq!(without(&evidence, 88..89), [""; 0], "half a second before");
    assert_eq!(without(&evidence, 60..61), ["I2 detections"], "ten seconds before");
    assert_eq!(without(&evidence, 84..90), [""; 0], "two seconds of them");
    assert_eq!(without(&evidence, 80..90), ["I2 detections"], "more than one write behind holds");
    let away = |server: &str| {
        let mut evidence = honest();
        happened(&mut evidence, 20, Happened::ServerGone { server: server.into() });
        happened(&mut evidence, 40, Happened::ServerBack { server: server.into() });
        evidence
    };
    assert_eq!(without(&away("kafka"), 88..89), [""; 0], "while the broker was away");
    assert_eq!(without(&away("kafka"), 60..120), ["I2 detections"], "all of that time");
    assert_eq!(without(&away("cassandra"), 88..89), ["I2 detections"], "for the database they wait");
}

#[test]
fn doubles_by_key_are_found() {
    let stored = found(|evidence| evidence.rows.push(Row::Anomaly(anomaly(1))));
    assert_eq!(stored, ["I2 anomalies"]);
    let sequence = found(|evidence| {
        evidence.rows.push(Row::Alert(Alert { sequence: 5, ..alert(1) }));
        evidence.messages.push(message("alerts", 903, 0, Body::Alert(Alert { sequence: 5, ..alert(1) })));
        for subscriber in 0..2 {
            let alert = Some(Alert { sequence: 5, ..alert(1) });
            evidence.told.push(Told { at_us: 0, subscriber, connection: 2, alert });
        }
    });
    assert_eq!(sequence, ["I2 alerts"]);
}

#[test]
fn doubles_by_event_are_found() {
    // Another id, another track, the same person at the same moment.
    let told = |again: Anomaly, also_seen: Option<[f32; 4]>| {
        found(|evidence| {
            let id = again.id.clone();
            evidence.messages.push(message("anomalies", 904, 0, Body::Anomaly(again.clone())));
            evidence.rows.push(Row::Anomaly(again));
            evidence.told[1].alert.as_mut().unwrap().anomalies.push(id);
            let Some(Message { body: Body::Seen(seen), .. }) = of(evidence, "detections").nth(30) else {
                return;
            };
            seen.tracks.extend(also_seen.map(|place| (8, place)));
        })
    };
    let again = Anomaly { id: "anomaly-1b".into(), track: 8, time_us: anomaly(1).time_us + 1, ..anomaly(1) };
    assert_eq!(told(again.clone(), None), ["doubles by event"]);
    assert_eq!(told(again.clone(), Some([0.11, 0.1, 0.21, 0.3])), ["doubles by event"], "two boxes of one");
    assert_eq!(told(again.clone(), Some([0.3, 0.1, 0.4, 0.3])), [""; 0], "one behind the other");
    // Whoever stands somewhere is told of for all the time that they stood there.
    let (began_us, time_us) = (anomaly(1).time_us - SECOND, anomaly(1).time_us + 5 * SECOND);
    assert_eq!(told(Anomaly { began_us, time_us, ..again }, None), ["doubles by event"], "much later");
}

#[test]
fn a_subscriber_that_misses_or_hears_again_is_found() {
    let missed = found(|evidence| drop(evidence.told.pop()));
    assert_eq!(missed, ["I3 alerts delivered"]);
    let again = found(|evidence| evidence.told.push(evidence.told[11].clone()));
    assert_eq!(again, ["I3 alerts delivered"]);
    let unnamed = found(|evidence| {
        for told in evidence.told.iter_mut().filter_map(|told| told.alert.as_mut()) {
            told.anomalies.retain(|id| id != "anomaly-2");
        }
    });
    assert_eq!(unnamed, ["I3 facts delivered"]);
}

#[test]
fn leaks_panics_bad_ends_and_memory_are_found() {
    let leak = found(|evidence| evidence.vitals.iter_mut().skip(30).for_each(|vital| vital.files += 30));
    assert_eq!(leak, ["I4 processes"]);
    let panic = found(|evidence| evidence.logs[0].1 = "thread 'detector' panicked at".into());
    assert_eq!(panic, ["I4 processes"]);
    let bad = found(|evidence| {
        let what = Happened::Ended { instance: "detector-1".into(), code: Some(1) };
        evidence.history.push(Moment { at_us: 0, what });
    });
    assert_eq!(bad, ["I4 processes"]);
    let large = found(|evidence| evidence.vitals[50].memory_mib = 4000.0);
    assert_eq!(large, ["I5 memory"]);
}

#[test]
fn a_camera_that_stays_away_is_found() {
    let mut evidence = honest();
    silent(&mut evidence, 25, 41);
    for fault in [Fault::F1Alone, Fault::F2Alone, Fault::F11, Fault::F13, Fault::F13Three, Fault::F29] {
        assert_eq!(missed(fault, &evidence), ["stall"], "{fault:?}");
    }
    // Nobody can say anything while the only broker is away, and with others there the same is too long.
    silent(&mut evidence, 25, 46);
    happened(&mut evidence, 25, Happened::ServerGone { server: "kafka".into() });
    happened(&mut evidence, 40, Happened::ServerBack { server: "kafka".into() });
    assert_eq!(missed(Fault::F7, &evidence), [""; 0]);
    assert_eq!(missed(Fault::F7Three, &evidence), ["stall"]);
}

#[test]
fn a_detector_that_takes_long_to_come_back_is_found() {
    let mut evidence = killed("detector-1");
    assert_eq!(missed(Fault::F2, &evidence), [""; 0]);
    silent(&mut evidence, 31, 41);
    assert_eq!(missed(Fault::F2, &evidence), ["recovery"]);
}

#[test]
fn what_was_published_before_its_death_is_no_word_of_ingest() {
    let recovers = |evidence: &Evidence| !missed(Fault::F1, evidence).contains(&"recovery".into());
    let mut evidence = killed("ingest-1");
    assert!(recovers(&evidence));
    for message in of(&mut evidence, "detections").filter(|message| message.at_us < 41 * SECOND) {
        let Body::Seen(seen) = &mut message.body else { continue };
        seen.received_us = seen.received_us.min(30 * SECOND);
    }
    assert!(!recovers(&evidence), "frames came, and a detection of none of them");
}

#[test]
fn a_live_view_that_stays_dark_is_found() {
    let mut evidence = killed("cloaker-1");
    assert_eq!(missed(Fault::F4, &evidence), ["recovery"]);
    let live = |words: &str| Happened::Answered { question: "live".into(), good: true, words: words.into() };
    happened(&mut evidence, 33, live("camera-1"));
    assert_eq!(missed(Fault::F4, &evidence), ["recovery"], "another camera");
    happened(&mut evidence, 34, live("camera-0"));
    assert_eq!(missed(Fault::F4, &evidence), [""; 0]);
}

#[test]
fn an_alerter_that_does_not_go_on_is_found() {
    let recovers = |told_s: i64, known_s: i64, term: u64| {
        let mut evidence = killed("alerter-1");
        let known = message("anomalies", 3, known_s * SECOND, Body::Anomaly(anomaly(3)));
        let told = Message { term, ..message("alerts", 3, told_s * SECOND, Body::Alert(alert(3))) };
        evidence.messages.extend([known, told]);
        !missed(Fault::F5, &evidence).contains(&"recovery".into())
    };
    assert!(recovers(33, 30, 3));
    assert!(!recovers(33, 30, 2), "the other one said it");
    assert!(!recovers(35, 30, 3), "more than three times its start");
    assert!(recovers(41, 40, 3), "there was nothing to say before");
}

#[test]
fn a_recognizer_that_forgets_or_does_not_go_on_is_found() {
    // The guest comes every 24th picture that is analysed, eight times; one who comes after the recognizer's start is 99.
    let identity = |n: u64| Identity {
        id: format!("identity-{n}"),
        camera: "camera-0".into(),
        track: n,
        person: "ada".into(),
        epoch: 1,
        seq: seen(n).seq,
    };
    let told = |at_s: i64, late: &[Identity]| {
        let mut evidence = killed("recognizer-1");
        let others = (0..8).map(|visit| identity(24 * visit + 3)).filter(|identity| identity.track != 99);
        for (offset, identity) in (0..).zip(others.chain(late.iter().cloned())) {
            let at_s = if identity.track == 99 { at_s } else { identity.seq as i64 / 9 };
            let body = Body::Identity(identity.clone());
            evidence.messages.push(message("identities", offset, at_s * SECOND, body));
            evidence.rows.push(Row::Identity(identity));
        }
        evidence
    };
    let found = |evidence: &Evidence| missed(Fault::F3, evidence);
    assert_eq!(found(&told(34, &[identity(99)])), [""; 0]);
    assert_eq!(found(&told(37, &[identity(99)])), ["recovery"], "more than three times its start");
    assert_eq!(found(&told(34, &[])), ["I2 identities"], "somebody came, and nobody knew them");
    let otherwise = Identity { id: "identity-1".into(), ..identity(99) };
    assert_eq!(found(&told(34, &[identity(99), otherwise])), ["I2 identities"], "known twice");
    let mut lost = told(34, &[identity(99)]);
    lost.rows.pop();
    assert_eq!(found(&lost), ["I2 identities"], "not in the store");
    assert_eq!(found(&killed("recognizer-1")), ["I2 identities", "recovery"], "nobody is known");
}

#[test]
fn a_flood_that_is_none_is_found() {
    let floods = |evidence: &Evidence| !missed(Fault::F21, evidence).contains(&"flood".into());
    let mut evidence = honest();
    happened(&mut evidence, 30, Happened::Phase(Phase::Heal));
    assert!(!floods(&evidence));
    for n in 0..300 {
        let at_us = 20 * SECOND + n * SECOND / 30;
        evidence.messages.push(message("frames", 1000 + n, at_us, Body::Frame(frame(179))));
    }
    assert!(floods(&evidence));
}
