//! I1: what cameras produced is what was processed, what was left out with a reason, what went to the dead letters, and what
//! was lost on the way, and the last is known from gaps in numbers that no process can renumber: the camera's own, in the
//! picture.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Evidence};
use crate::ledger::{Body, Frame, Message, Outcome, Seen};

/// Pictures in the clip that cameras repeat.
pub(super) const ROUND: u64 = 795;

/// Camera, epoch and number of a frame.
type Name<'a> = (&'a str, u64, u64);

/// Sums over all cameras.
#[derive(Debug, Default)]
struct Sums {
    /// By the numbers in the pictures, while a camera was connected.
    produced: u64,
    /// Left out by ingest, counted there with a reason.
    left_out: u64,
    /// Published, and not on the cluster: the broker was away.
    unsent: u64,
    /// On the cluster, and never answered: a newer one won, or whoever had it died.
    unanswered: u64,
    processed: u64,
    /// Answered as skipped, with a reason.
    skipped: u64,
    dead: u64,
    /// Missing in the pictures' own numbers, and in no count.
    hidden: u64,
    /// Answered, and never published.
    invented: u64,
    /// Answered twice.
    twice: u64,
    /// The same answer again, as a client that has lost its broker may send it: readers take what has its name once.
    repeated: u64,
    /// Pictures whose stamp is torn or another camera's.
    torn: u64,
    /// Torn pictures of cameras that come and go: whoever joins between two key frames sees those first.
    joined: u64,
    /// Names that two different pictures have.
    reused: u64,
}

pub(super) fn judge(evidence: &Evidence) -> Vec<Check> {
    let mut sums = Sums::default();
    let mut epochs: BTreeMap<(&str, u64), Vec<&Frame>> = BTreeMap::new();
    for (_, frame) in evidence.frames().filter(|(_, frame)| !frame.heartbeat) {
        epochs.entry((&frame.camera, frame.epoch)).or_default().push(frame);
    }
    let mut answers: HashMap<Name<'_>, Vec<(&Message, &Seen)>> = HashMap::new();
    for (message, seen) in evidence.seen().filter(|(_, seen)| seen.outcome != Outcome::Time) {
        answers.entry((&seen.camera, seen.epoch, seen.n)).or_default().push((message, seen));
    }
    let dead = evidence.messages.iter().filter(|message| {
        matches!(&message.body, Body::Dead { stage, topic, .. } if stage == "detector" && topic == "frames")
    });
    let garbage = evidence
        .messages
        .iter()
        .filter(|message| matches!(message.body, Body::Garbage { .. }) && message.topic == "frames");
    sums.dead = (dead.count() as u64).saturating_sub(garbage.count() as u64);
    let mut published = BTreeSet::new();
    for ((camera, epoch), frames) in &mut epochs {
        frames.sort_by_key(|frame| (frame.n, frame.seq));
        sums.take(camera, frames);
        published.extend(frames.iter().map(|frame| (*camera, *epoch, frame.n)));
    }
    for (name, answers) in &answers {
        let (by, first) = answers[0];
        let again = |(message, seen): &&(&Message, &Seen)| {
            (&message.owner, message.term, seen.outcome, &seen.tracks)
                == (&by.owner, by.term, first.outcome, &first.tracks)
        };
        let repeated = answers[1..].iter().filter(again).count();
        sums.repeated += repeated as u64;
        sums.twice += (answers.len() - 1 - repeated) as u64;
        match first.outcome {
            _ if !published.contains(name) => sums.invented += 1,
            Outcome::Processed => sums.processed += 1,
            Outcome::Skipped | Outcome::Time => sums.skipped += 1,
        }
    }
    let answered = sums.processed + sums.skipped + sums.dead;
    sums.unanswered = (published.len() as u64).saturating_sub(answered);
    let accounted = sums.left_out + sums.unsent + sums.unanswered + answered;
    let met =
        sums.hidden + sums.invented + sums.twice + sums.torn + sums.reused == 0 && sums.produced == accounted;
    let Sums {
        produced,
        processed,
        skipped,
        dead,
        left_out,
        unsent,
        unanswered,
        hidden,
        invented,
        twice,
        repeated,
        torn,
        joined,
        reused,
    } = sums;
    vec![Check::new(
        "I1 conservation",
        met,
        format!(
            "{produced} frames produced = {processed} processed + {left_out} left out by ingest + {skipped} skipped + \
             {unanswered} dropped on the way + {unsent} not sent + {dead} dead; hidden {hidden}, invented {invented}, \
             answered twice {twice} (the same again {repeated}), torn {torn} (and {joined} of cameras that were joined between key frames), names used again \
             {reused}"
        ),
    )]
}

impl Sums {
    /// The frames of one epoch of a camera, in their order.
    fn take(&mut self, camera: &str, frames: &[&Frame]) {
        let own = camera.strip_prefix("camera-").and_then(|number| number.parse::<u16>().ok());
        let mut last: Option<&Frame> = None;
        for frame in frames {
            let torn = frame.stamp.is_none_or(|stamp| own.is_some_and(|own| own != stamp.camera));
            let comes_and_goes = camera.starts_with("flap-");
            *(if comes_and_goes { &mut self.joined } else { &mut self.torn }) += u64::from(torn);
            let Some(before) = last.replace(frame) else {
                // What came before the first frame of an epoch that is still there.
                self.unsent += frame.n;
                self.left_out += frame.seq - frame.n;
                self.produced += frame.seq + 1;
                continue;
            };
            if frame.n == before.n {
                self.reused += u64::from(frame.seq != before.seq || frame.stamp != before.stamp);
                // The same message again has the same name and is one frame.
                continue;
            }
            let (numbers, steps) = (frame.seq - before.seq, frame.n - before.n);
            self.unsent += steps - 1;
            let told = frame.skipped.saturating_sub(before.skipped);
            self.left_out += told;
            let by_picture = match (before.stamp, frame.stamp) {
                (Some(from), Some(to)) => {
                    let shown = (u64::from(to.number) + ROUND - u64::from(from.number)) % ROUND;
                    // Whole rounds do not show; those the numbers have to tell.
                    numbers - numbers % ROUND + shown
                }
                _ => numbers,
            };
            self.produced += by_picture;
            self.hidden += by_picture.abs_diff(steps + told);
        }
    }
}
