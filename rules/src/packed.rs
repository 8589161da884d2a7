//! How the state is stored: without loss, and small. Frames and classes are named once and then by number, subjects by
//! their place; times and places are differences to the one before.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Mark, Memory, Moment, Point, Subject,
    scale::Heights,
    series::Series,
    state::{RuleState, State},
    subject::{Dot, Path},
};

#[derive(Serialize, Deserialize)]
struct Packed {
    now: Moment,
    /// Distinct frames, in order: differences of epoch, number and time.
    frames: Vec<(u64, i64, i64)>,
    classes: Vec<String>,
    subjects: Vec<PackedSubject>,
    changes: Vec<([u8; 8], i64)>,
    rules: Vec<(String, PackedRule)>,
    heights: Heights,
}

#[derive(Serialize, Deserialize)]
struct PackedSubject {
    id: [u8; 8],
    /// Its tracks beside the one with its own id; whether that one is among them is in `flags`.
    tracks: Vec<[u8; 8]>,
    /// Place of the current one among `tracks`, from 1; 0 for its own.
    current: u8,
    /// Present, ended, own track.
    flags: u8,
    class: u16,
    first: u32,
    seen: u32,
    foot: [f32; 2],
    size: (f32, f32),
    way: f32,
    turn: [f32; 2],
    measured_ago_us: i64,
    trail: Vec<(i64, i32, i32)>,
    path: (i64, i64, Vec<(i32, i32)>),
}

#[derive(Serialize, Deserialize)]
struct PackedRule {
    version: (u64, u64),
    since: u32,
    memories: Words,
    /// Subject, microseconds between two values, steps of time and values.
    series: Vec<PackedSeries>,
}

type PackedSeries = (u64, i64, Vec<(i64, f32)>);

/// Memories one after the other, the shared one first: a word with flags and the step to the subject's place, then
/// what the flags announce. The places of changes follow those of subjects.
#[derive(Default, Serialize, Deserialize)]
struct Words {
    words: Vec<u32>,
    numbers: Vec<f32>,
}

const TOLD: u32 = 1;
const NOTED: u32 = 1 << 1;
const KNOWN: u32 = 1 << 2;
const SINCE: u32 = 1 << 3;
const MISSED: u32 = 1 << 4;
const FIRED: u32 = 1 << 5;
/// It last held in another frame than the latest.
const HELD: u32 = 1 << 6;
/// It has numbers or marks.
const MORE: u32 = 1 << 7;
const FLAGS: u32 = 8;

/// Frames by number.
#[derive(Default)]
struct Frames(Vec<Moment>);

impl Frames {
    fn of(state: &State) -> Self {
        let mut all = vec![Moment::default()];
        let mut memory = |memory: &Memory| {
            all.extend([Some(memory.held), memory.since, memory.missed, memory.fired].into_iter().flatten());
            all.extend(memory.marks.iter().flat_map(|mark| [mark.at, mark.began]));
        };
        for rule in state.rules.values() {
            memory(&rule.shared);
            rule.memories.values().for_each(&mut memory);
        }
        all.extend(state.rules.values().map(|rule| rule.since));
        all.extend(state.subjects.values().flat_map(|subject| [subject.first, subject.seen]));
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    fn number(&self, frame: Moment) -> u32 {
        self.0.binary_search(&frame).unwrap_or_default() as u32
    }

    fn frame(&self, number: u32) -> Moment {
        self.0.get(number as usize).copied().unwrap_or_default()
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pack(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Packed::deserialize(deserializer).map(unpack)
    }
}

fn pack(state: &State) -> Packed {
    let frames = Frames::of(state);
    let mut classes: Vec<String> = Vec::new();
    let mut aliases: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (track, subject) in &state.tracks {
        aliases.entry(*subject).or_default().push(*track);
    }
    let subjects = state
        .subjects
        .iter()
        .map(|(id, subject)| {
            let class = classes.iter().position(|class| *class == subject.class).unwrap_or_else(|| {
                classes.push(subject.class.clone());
                classes.len() - 1
            });
            let all = aliases.remove(id).unwrap_or_default();
            let others: Vec<u64> = all.iter().copied().filter(|track| track != id).collect();
            let current = others.iter().position(|track| *track == subject.track).map_or(0, |n| n + 1);
            let flags = u8::from(subject.present)
                | (u8::from(subject.ended) << 1)
                | (u8::from(all.contains(id)) << 2);
            PackedSubject {
                id: id.to_le_bytes(),
                tracks: others.iter().map(|track| track.to_le_bytes()).collect(),
                current: current as u8,
                flags,
                class: class as u16,
                first: frames.number(subject.first),
                seen: frames.number(subject.seen),
                foot: [subject.foot.x, subject.foot.y],
                size: subject.size,
                way: subject.way,
                turn: [subject.turn.x, subject.turn.y],
                measured_ago_us: state.now.time_us - subject.measured_us,
                trail: pack_trail(&subject.trail),
                path: (
                    subject.path.every_ms,
                    state.now.time_us / 1000 - subject.path.last_ms,
                    pack_dots(subject.path.points.iter().copied()),
                ),
            }
        })
        .collect();
    let places: BTreeMap<u64, usize> =
        state.subjects.keys().chain(state.changes.keys()).enumerate().map(|(n, id)| (*id, n)).collect();
    let rule = |(name, rule): (&String, &RuleState)| {
        let mut memories: Vec<(usize, &Memory)> =
            rule.memories.iter().filter_map(|(id, memory)| Some((*places.get(id)?, memory))).collect();
        memories.sort_by_key(|(place, _)| *place);
        let mut words = Words::default();
        words.push(0, &rule.shared, &frames, state.now);
        let mut last = 0;
        for (place, memory) in memories {
            words.push(place - last, memory, &frames, state.now);
            last = place;
        }
        let series = rule.series.iter().map(|(id, series)| {
            let mut last = state.now.time_us;
            let points = series.points.iter().map(|(time_us, value)| {
                let step = time_us - last;
                last = *time_us;
                (step, *value)
            });
            (*id, series.every_us, points.collect())
        });
        let packed = PackedRule {
            version: rule.version,
            since: frames.number(rule.since),
            memories: words,
            series: series.collect(),
        };
        (name.clone(), packed)
    };
    let rules = state.rules.iter().map(rule).collect();
    let mut last = Moment::default();
    let steps = frames.0.iter().map(|frame| {
        let step =
            (frame.epoch - last.epoch, frame.seq.wrapping_sub(last.seq) as i64, frame.time_us - last.time_us);
        last = *frame;
        step
    });
    Packed {
        now: state.now,
        frames: steps.collect(),
        classes,
        subjects,
        changes: state
            .changes
            .iter()
            .map(|(id, time_us)| (id.to_le_bytes(), state.now.time_us - time_us))
            .collect(),
        rules,
        heights: state.heights.clone(),
    }
}

fn unpack(packed: Packed) -> State {
    let mut last = Moment::default();
    let frames = packed.frames.iter().map(|(epoch, seq, time_us)| {
        last = Moment {
            epoch: last.epoch.wrapping_add(*epoch),
            seq: last.seq.wrapping_add(*seq as u64),
            time_us: last.time_us.wrapping_add(*time_us),
        };
        last
    });
    let frames = Frames(frames.collect());
    let now = packed.now;
    let mut state = State { now, heights: packed.heights, ..State::default() };
    let mut ids = Vec::with_capacity(packed.subjects.len());
    for one in packed.subjects {
        let id = u64::from_le_bytes(one.id);
        ids.push(id);
        let tracks: Vec<u64> = one.tracks.iter().map(|track| u64::from_le_bytes(*track)).collect();
        let current = usize::from(one.current).checked_sub(1);
        let track = current.and_then(|n| tracks.get(n)).copied().unwrap_or(id);
        let own = (one.flags & 4 != 0).then_some(id);
        state.tracks.extend(tracks.into_iter().chain(own).map(|track| (track, id)));
        let (every_ms, ago_ms, points) = one.path;
        let subject = Subject {
            track,
            class: packed.classes.get(usize::from(one.class)).cloned().unwrap_or_default(),
            first: frames.frame(one.first),
            seen: frames.frame(one.seen),
            present: one.flags & 1 != 0,
            ended: one.flags & 2 != 0,
            foot: Point { x: one.foot[0], y: one.foot[1] },
            size: one.size,
            way: one.way,
            turn: Point { x: one.turn[0], y: one.turn[1] },
            trail: unpack_trail(&one.trail),
            path: Path { every_ms, last_ms: now.time_us / 1000 - ago_ms, points: unpack_dots(&points) },
            measured_us: now.time_us - one.measured_ago_us,
        };
        state.subjects.insert(id, subject);
    }
    for (id, ago_us) in packed.changes {
        let id = u64::from_le_bytes(id);
        ids.push(id);
        state.changes.insert(id, now.time_us - ago_us);
    }
    for (name, one) in packed.rules {
        let mut place = 0;
        let mut memories = BTreeMap::new();
        let mut shared = None;
        let (mut words, mut numbers) = (one.memories.words.into_iter(), one.memories.numbers.into_iter());
        while let Some((step, memory)) = next(&mut words, &mut numbers, &frames, now) {
            if shared.is_none() {
                shared = Some(memory);
                continue;
            }
            place += step;
            if let Some(id) = ids.get(place) {
                memories.insert(*id, memory);
            }
        }
        let series = one.series.into_iter().map(|(id, every_us, points)| {
            let mut last = now.time_us;
            let points = points.into_iter().map(|(step, value)| {
                last += step;
                (last, value)
            });
            (id, Series { every_us, points: points.collect() })
        });
        let rule = RuleState {
            version: one.version,
            since: frames.frame(one.since),
            shared: shared.unwrap_or_default(),
            series: series.collect(),
            memories,
        };
        state.rules.insert(name, rule);
    }
    state
}

impl Words {
    fn push(&mut self, step: usize, memory: &Memory, frames: &Frames, now: Moment) {
        let more = !memory.numbers.is_empty() || !memory.marks.is_empty();
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let flags = flag(memory.told, TOLD)
            | flag(memory.noted, NOTED)
            | flag(memory.known, KNOWN)
            | flag(memory.since.is_some(), SINCE)
            | flag(memory.missed.is_some(), MISSED)
            | flag(memory.fired.is_some(), FIRED)
            | flag(memory.held != now, HELD)
            | flag(more, MORE);
        self.words.push(((step as u32) << FLAGS) | flags);
        let held = (memory.held != now).then_some(memory.held);
        let moments = [held, memory.since, memory.missed, memory.fired];
        self.words.extend(moments.into_iter().flatten().map(|moment| frames.number(moment)));
        if more {
            self.words.extend([memory.numbers.len() as u32, memory.marks.len() as u32]);
            self.numbers.extend(&memory.numbers);
            for mark in &memory.marks {
                let (subject, other) = (mark.subject, mark.other);
                self.words.extend([
                    subject as u32,
                    (subject >> 32) as u32,
                    other as u32,
                    (other >> 32) as u32,
                ]);
                self.words.extend([frames.number(mark.at), frames.number(mark.began)]);
            }
        }
    }
}

/// The next memory and the step to its subject's place.
fn next(
    words: &mut impl Iterator<Item = u32>,
    numbers: &mut impl Iterator<Item = f32>,
    frames: &Frames,
    now: Moment,
) -> Option<(usize, Memory)> {
    let head = words.next()?;
    let mut moment =
        |flag: u32| (head & flag != 0).then(|| words.next().map(|number| frames.frame(number)))?;
    let mut memory = Memory {
        held: moment(HELD).unwrap_or(now),
        since: moment(SINCE),
        missed: moment(MISSED),
        fired: moment(FIRED),
        told: head & TOLD != 0,
        noted: head & NOTED != 0,
        known: head & KNOWN != 0,
        ..Memory::default()
    };
    if head & MORE != 0 {
        let (count, marks) = (words.next()?, words.next()?);
        memory.numbers.extend(numbers.take(count as usize));
        for _ in 0..marks {
            let mut wide = || Some(u64::from(words.next()?) | (u64::from(words.next()?) << 32));
            let (subject, other) = (wide()?, wide()?);
            let (at, began) = (frames.frame(words.next()?), frames.frame(words.next()?));
            memory.marks.push(Mark { subject, other, at, began });
        }
    }
    Some(((head >> FLAGS) as usize, memory))
}

fn pack_dots(dots: impl Iterator<Item = Dot>) -> Vec<(i32, i32)> {
    let mut last = [0_i32; 2];
    dots.map(|Dot(dot)| {
        let here = dot.map(i32::from);
        let step = (here[0] - last[0], here[1] - last[1]);
        last = here;
        step
    })
    .collect()
}

fn unpack_dots(steps: &[(i32, i32)]) -> Vec<Dot> {
    let mut last = [0_i32; 2];
    let dot = |(x, y): &(i32, i32)| {
        last = [last[0].wrapping_add(*x), last[1].wrapping_add(*y)];
        Dot(last.map(|value| value as u16))
    };
    steps.iter().map(dot).collect()
}

fn pack_trail(trail: &[(i64, Dot)]) -> Vec<(i64, i32, i32)> {
    let mut last = 0;
    let dots = pack_dots(trail.iter().map(|(_, dot)| *dot));
    let pair = |((time_ms, _), (x, y)): (&(i64, Dot), (i32, i32))| {
        let step = time_ms - last;
        last = *time_ms;
        (step, x, y)
    };
    trail.iter().zip(dots).map(pair).collect()
}

fn unpack_trail(steps: &[(i64, i32, i32)]) -> Vec<(i64, Dot)> {
    let dots: Vec<(i32, i32)> = steps.iter().map(|(_, x, y)| (*x, *y)).collect();
    let mut last = 0_i64;
    let time = |step: &(i64, i32, i32)| {
        last = last.wrapping_add(step.0);
        last
    };
    let times: Vec<i64> = steps.iter().map(time).collect();
    times.into_iter().zip(unpack_dots(&dots)).collect()
}
