//! One message through all rules of a camera.

use std::collections::BTreeMap;

use cortex_proto::v1;

use super::{
    Finding, Gauge, Look, Memory, Moment, Rule, Scale, Scene, Sight, Stop, Subject, Verdict,
    combine::Combined,
    cut,
    engine::{Armed, Body, Explained},
    geometry::Point,
    look::measure,
    series::Series,
    state::{RuleState, State},
    succession,
    tell::{self, Tale},
};

/// What one message brings forth.
pub(super) struct Pass<'a> {
    seen: &'a v1::Detections,
    site: &'a str,
    pub(super) found: Vec<v1::Anomaly>,
    notes: Vec<Note>,
    /// Series kept by all rules.
    series: usize,
    told: Option<&'a mut Vec<Explained>>,
}

/// Something a rule found in this frame, for combined rules.
pub(super) struct Note {
    /// Place of the rule among the engine's.
    pub(super) rule: usize,
    /// Subject; 0 for the scene.
    pub(super) subject: u64,
    pub(super) began: Moment,
}

/// One rule in this frame.
struct Bench<'a> {
    armed: &'a Armed,
    /// Its place among the engine's.
    place: usize,
    /// Its schedule is in force.
    open: bool,
    now: Moment,
    scale: &'a Scale,
    subjects: &'a BTreeMap<u64, Subject>,
}

/// Where and when a subject was before this frame.
type Before = Option<(Point, Moment)>;

/// A gap in stream time above this, or time that goes back, is another scene: a loop or a clock jump. In seconds.
const SAME_SCENE: f64 = 30.0;
/// Who is not seen is forgotten after so many seconds, though the tracker has not said that it gave up.
const FORGET: f64 = 60.0;
/// A subject waits at least so long for a track that goes on with it, in seconds, and at most so long.
pub(super) const SUCCESSION: (f64, f64) = (6.0, 10.0);
/// Series kept at once; who comes too late has no history in its anomaly.
const SERIES: usize = 64;
/// Seconds between two measurements of the same person's height.
const MEASURE_EVERY: f64 = 1.0;

impl<'a> Pass<'a> {
    pub(super) fn new(seen: &'a v1::Detections, site: &'a str, told: Option<&'a mut Vec<Explained>>) -> Self {
        Self { seen, site, found: Vec::new(), notes: Vec::new(), series: 0, told }
    }

    pub(super) fn run(&mut self, rules: &[Armed], state: &mut State, scale: &mut Scale) {
        let Some(now) = moment(self.seen, state) else { return };
        let seen = self.seen;
        let visible = |object: &&v1::Object| object.track != 0 && object.state() != v1::ObjectState::Hidden;
        let objects: Vec<&v1::Object> = seen.objects.iter().filter(visible).collect();
        let gap_s = rules.iter().map(|armed| f64::from(armed.rule.gap_s)).fold(SUCCESSION.0, f64::max);
        let ids = succession::settle(state, &objects, now, gap_s.min(SUCCESSION.1), scale.aspect());
        let before = take_in(state, &objects, &ids, now, scale);
        let State { subjects, rules: states, .. } = state;
        let (subjects, scale): (&BTreeMap<u64, Subject>, &Scale) = (subjects, scale);
        self.series = states.values().map(|rule| rule.series.len()).sum();
        let sight = |((object, id), before): ((&'a v1::Object, &u64), Before)| {
            let subject = subjects.get(id)?;
            let (foot, height) = (subject.foot, subject.size.1);
            Some(Sight {
                object,
                subject,
                id: *id,
                foot,
                before,
                height,
                now,
                scale,
                present: subject.present,
            })
        };
        let sights: Vec<Sight<'_>> = objects.into_iter().zip(&ids).zip(before).filter_map(sight).collect();
        for (place, armed) in rules.iter().enumerate() {
            let Some(state) = states.get_mut(&armed.rule.id) else { continue };
            let bench = Bench { armed, place, open: armed.schedule.holds(now.time_us), now, scale, subjects };
            match &armed.body {
                Body::One(rule) => self.one(&bench, rule.as_ref(), state, &sights),
                Body::Many(combined) => self.many(&bench, combined, state, rules),
            }
        }
        drop(sights);
        forget(seen, state, now, gap_s);
    }

    /// One rule over everything that is seen, and over what is not.
    fn one(&mut self, bench: &Bench<'_>, rule: &dyn Rule, state: &mut RuleState, sights: &[Sight<'_>]) {
        let now = bench.now;
        let RuleState { since, shared, memories, series, .. } = state;
        let mut watched: Vec<Sight<'_>> = Vec::with_capacity(sights.len());
        for sight in sights {
            if let Some(stop) = bench.armed.refuses(sight) {
                self.explain(bench, sight.id, None, Some(stop));
                continue;
            }
            let mut fresh = Memory::default();
            let kept = memories.get_mut(&sight.id);
            let new = kept.is_none();
            let memory = kept.unwrap_or(&mut fresh);
            let before = sight.present || (*since != Moment::default() && sight.subject.first <= *since);
            let sight = Sight { present: before && !memory.known, ..*sight };
            let look = rule.track(&sight, memory, shared);
            memory.known |= before;
            self.answer(bench, sight.id, look, memory, series, Vec::new());
            if new && fresh != Memory::default() {
                memories.insert(sight.id, fresh);
            }
            watched.push(sight);
        }
        for (id, memory) in memories.iter_mut().filter(|(_, memory)| memory.since.is_some()) {
            if bench.subjects.get(id).is_some_and(|subject| subject.seen != now) {
                let look = rule.missing(now, memory, shared);
                self.answer(bench, *id, look, memory, series, Vec::new());
            }
        }
        let scene = Scene { sights: &watched, all: sights, seen: self.seen, now, scale: bench.scale };
        for change in &self.seen.changes {
            let mut memory = memories.remove(&change.id).unwrap_or_default();
            let look = rule.change(change, &scene, &mut memory);
            self.answer(bench, change.id, look, &mut memory, series, Vec::new());
            if memory != Memory::default() {
                memories.insert(change.id, memory);
            }
        }
        let look = rule.scene(&scene, shared);
        self.answer(bench, 0, look, shared, series, Vec::new());
    }

    /// A combined rule over what was found in this frame.
    fn many(&mut self, bench: &Bench<'_>, combined: &Combined, state: &mut RuleState, rules: &[Armed]) {
        let RuleState { shared, memories, series, .. } = state;
        let camera = self.seen.frame.as_ref().map_or("", |frame| frame.camera.as_str());
        let (found, gauge) = combined.look(&self.notes, shared, bench.now);
        self.explain(bench, 0, Some(gauge), Some(Stop::NotEnough));
        for (id, look, marks) in found {
            let part = |mark: &super::Mark| {
                let rule = &rules[combined.of[mark.other as usize]].rule;
                tell::id(&rule.id, camera, &rule.zone, mark.subject, mark.began)
            };
            let parts = marks.iter().map(part).collect();
            self.answer(bench, id, look, memories.entry(id).or_default(), series, parts);
        }
    }

    /// What becomes of an answer: it is told, or something stops it.
    fn answer(
        &mut self,
        bench: &Bench<'_>,
        id: u64,
        look: Look,
        memory: &mut Memory,
        series: &mut BTreeMap<u64, Series>,
        parts: Vec<String>,
    ) {
        let Look { gauge, verdict } = look;
        let verdict = match verdict {
            Verdict::Fires(finding) => self.may_tell(bench, id, memory, finding),
            Verdict::Stopped(stop) => Err(stop),
        };
        self.explain(bench, id, gauge, verdict.as_ref().err().copied());
        if let Ok(finding) = verdict {
            let subject = bench.subjects.get(&id);
            let (rule, scale) = (&bench.armed.rule, bench.scale);
            let series = series.get(&id);
            let tale = Tale {
                rule,
                site: self.site,
                seen: self.seen,
                scale,
                id,
                subject,
                gauge,
                series,
                finding,
                parts,
            };
            self.found.push(tale.anomaly());
        }
        if memory.since.is_none() {
            self.series -= usize::from(!series.is_empty() && series.remove(&id).is_some());
        } else if let Some(gauge) = gauge.filter(|gauge| gauge.threshold > 0.0 && !memory.told) {
            let new = !series.contains_key(&id);
            if !new || self.series < SERIES {
                self.series += usize::from(new);
                series.entry(id).or_default().push(bench.now.time_us, gauge.value);
            }
        }
    }

    /// Schedule, once for each time it holds, cool-down, silence: in this order.
    fn may_tell(
        &mut self,
        bench: &Bench<'_>,
        id: u64,
        memory: &mut Memory,
        finding: Finding,
    ) -> Result<Finding, Stop> {
        let rule = &bench.armed.rule;
        if !bench.open {
            return Err(Stop::Schedule);
        }
        if finding.lasting && memory.told {
            return Err(Stop::Told);
        }
        if !(finding.lasting && memory.noted) {
            self.notes.push(Note { rule: bench.place, subject: id, began: finding.began });
            memory.noted = finding.lasting;
        }
        let cools = |fired: Moment| bench.now.since(fired) < f64::from(rule.cooldown_s);
        if memory.fired.is_some_and(cools) {
            return Err(Stop::CoolDown);
        }
        memory.told = finding.lasting;
        if bench.armed.silent {
            return Err(Stop::Silent);
        }
        memory.fired = (rule.cooldown_s > 0.0).then_some(bench.now);
        Ok(finding)
    }

    fn explain(&mut self, bench: &Bench<'_>, id: u64, gauge: Option<Gauge>, stop: Option<Stop>) {
        let Some(told) = &mut self.told else { return };
        let near = gauge.map_or(0.0, |gauge| gauge.near());
        // The scene of a rule that looks at tracks alone has nothing to say.
        if id == 0 && gauge.is_none() && stop.is_some() {
            return;
        }
        told.push(Explained {
            rule: bench.armed.rule.id.clone(),
            track: bench.subjects.get(&id).map_or(0, |subject| subject.track),
            measure: gauge.map(|gauge| measure(gauge.name, gauge.value, gauge.threshold)),
            near: if stop.is_none() { near.max(1.0) } else { near },
            stopped: stop.map(Stop::as_str),
        });
    }
}

/// The frame; `None` for one that was taken already. Another scene ends everything.
fn moment(seen: &v1::Detections, state: &mut State) -> Option<Moment> {
    let frame = seen.frame.as_ref()?;
    let mut now = Moment { epoch: frame.epoch, seq: frame.seq, time_us: seen.time_us };
    let last = state.now;
    if last != Moment::default() {
        if now.epoch == last.epoch {
            if now.seq < last.seq || (now.seq == last.seq && seen.outcome() != v1::Outcome::Time) {
                return None;
            }
            // A heartbeat may be ahead of the next picture by a little.
            now.time_us = now.time_us.max(last.time_us);
        } else if !(0.0..SAME_SCENE).contains(&now.since(last)) {
            state.cut();
        }
    }
    state.now = now;
    Some(now)
}

/// Takes in where the subjects are now; answers where they were before.
fn take_in(
    state: &mut State,
    objects: &[&v1::Object],
    ids: &[u64],
    now: Moment,
    scale: &mut Scale,
) -> Vec<Before> {
    let mut learned = false;
    let before = objects.iter().zip(ids).map(|(object, id)| {
        let subject = state.subjects.get_mut(id)?;
        let before = (!subject.trail.is_empty()).then_some((subject.foot, subject.seen));
        subject.see(&object.class, &cut::whole(object, subject, objects), now, scale);
        let due = (now.time_us - subject.measured_us) as f64 / 1e6 >= MEASURE_EVERY;
        if due && scale.upright(object) {
            subject.measured_us = now.time_us;
            state.heights.observe(subject.foot, subject.size.1);
            learned = true;
        }
        before
    });
    let before = before.collect();
    if learned {
        scale.learn(state.heights.line());
    }
    before
}

/// Forgets who has been away for longer than the gap window after the tracker gave up, or for very long.
fn forget(seen: &v1::Detections, state: &mut State, now: Moment, gap_s: f64) {
    for track in &seen.ended {
        let subject = state.tracks.get(track).and_then(|id| state.subjects.get_mut(id));
        match subject {
            Some(subject) if subject.track == *track => subject.ended = true,
            _ => {
                state.tracks.remove(track);
            }
        }
    }
    let over = |subject: &Subject| {
        let away = now.since(subject.seen);
        away > FORGET.max(gap_s) || (subject.ended && away > gap_s)
    };
    let gone: Vec<u64> =
        state.subjects.iter().filter(|(_, subject)| over(subject)).map(|(id, _)| *id).collect();
    for id in gone {
        state.forget(id);
    }
    for change in &seen.changes {
        state.changes.insert(change.id, now.time_us);
    }
    if state.changes.len() > seen.changes.len() {
        let over = |last: i64| (now.time_us - last) as f64 / 1e6 > FORGET.max(gap_s);
        let gone: Vec<u64> =
            state.changes.iter().filter(|(_, last)| over(**last)).map(|(id, _)| *id).collect();
        for id in gone {
            state.changes.remove(&id);
            state.drop_memories(id);
        }
    }
}
