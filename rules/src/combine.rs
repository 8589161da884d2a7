//! `all`, `any`, `then`: rules over what other rules found, silent ones included.
//!
//! `of` names two or more primitive rules of the camera, each once. `all`: each of them fired within `within_s`
//! seconds, in any order. `then`: they did, in the order of `of`. `any`: one of them fired. What was found of a track
//! goes together with what was found of the same track, or of the scene; with `subject = "any"` with everything.

use cortex_proto::v1;

use super::{Finding, Gauge, Look, Mark, Memory, Moment, number_or, only, pass::Note};

pub(super) struct Combined {
    how: How,
    /// Places of the parts among the engine's rules, in the order of `of`.
    pub(super) of: Vec<usize>,
    names: Vec<String>,
    within_s: f64,
    /// What was found of different tracks goes together.
    anybody: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    All,
    Any,
    Then,
}

/// What a combined rule answers: the subject, the answer, and what it rests on.
type Found = (u64, Look, Vec<Mark>);

/// Findings that are remembered; more within the window are a flood, in which the latest count.
const MARKS: usize = 32;

impl Combined {
    /// Whether a kind combines others.
    pub(super) fn is(kind: &str) -> bool {
        how(kind).is_some()
    }

    /// `place` finds a primitive rule of the camera by id.
    ///
    /// # Errors
    /// Which field is wrong, and why.
    pub(super) fn new(rule: &v1::Rule, place: impl Fn(&String) -> Option<usize>) -> Result<Self, String> {
        only(rule, &["within_s", "subject"])?;
        let how = how(&rule.kind).ok_or_else(|| format!("kind: `{}` combines nothing", rule.kind))?;
        if rule.of.len() < 2 || rule.of.len() > 8 {
            return Err(format!("of: `{}` needs the ids of 2 to 8 rules", rule.kind));
        }
        if (1..rule.of.len()).any(|n| rule.of[..n].contains(&rule.of[n])) {
            return Err("of: names a rule twice".to_owned());
        }
        let find = |id: &String| {
            place(id).ok_or_else(|| format!("of: `{id}` is no rule here that combines no others"))
        };
        let anybody = match rule.options.get("subject").map_or("same", String::as_str) {
            "same" => false,
            "any" => true,
            other => return Err(format!("subject: `{other}` is not known; there are same, any")),
        };
        let within_s = number_or(rule, "within_s", 0.0, 10.0)?;
        let of = rule.of.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { how, of, names: rule.of.clone(), within_s, anybody })
    }

    /// Takes in what was found in this frame.
    pub(super) fn look(&self, notes: &[Note], memory: &mut Memory, now: Moment) -> (Vec<Found>, Gauge) {
        memory.marks.retain(|mark| now.since(mark.at) <= self.within_s);
        let mut found = Vec::new();
        // In the order of `of`, so that what came in the same frame is in order.
        for (part, rule) in self.of.iter().enumerate() {
            for note in notes.iter().filter(|note| note.rule == *rule) {
                if memory.marks.len() == MARKS {
                    memory.marks.remove(0);
                }
                let mark = Mark { subject: note.subject, other: part as u64, at: now, began: note.began };
                memory.marks.push(mark);
                let Some(parts) = self.complete(&memory.marks, mark) else { continue };
                memory.marks.retain(|mark| !parts.contains(mark));
                found.push(self.finding(parts, now));
            }
        }
        let came = self.came(&memory.marks);
        (found, Gauge::new("parts", came as f64, self.needed() as f64))
    }

    fn needed(&self) -> usize {
        if self.how == How::Any { 1 } else { self.of.len() }
    }

    /// How many parts have come of the nearest subject.
    fn came(&self, marks: &[Mark]) -> usize {
        let of = |mark: &Mark| {
            let there = |part: &usize| {
                marks.iter().any(|other| other.other == *part as u64 && self.together(mark, other))
            };
            let parts = 0..self.of.len();
            if self.how == How::Then { parts.take_while(there).count() } else { parts.filter(there).count() }
        };
        marks.iter().map(of).max().unwrap_or(0)
    }

    fn together(&self, a: &Mark, b: &Mark) -> bool {
        self.anybody || a.subject == b.subject || a.subject == 0 || b.subject == 0
    }

    /// The marks that the latest one completes, in the order of `of`.
    fn complete(&self, marks: &[Mark], latest: Mark) -> Option<Vec<Mark>> {
        if self.how == How::Any {
            return Some(vec![latest]);
        }
        if self.how == How::Then && latest.other as usize != self.of.len() - 1 {
            return None;
        }
        // Someone's track decides which others belong to it, even where the latest is of the scene.
        let (mut parts, mut by, mut until) = (Vec::new(), latest, latest.at);
        for part in (0..self.of.len()).rev() {
            let fits = |mark: &&Mark| {
                mark.other == part as u64
                    && self.together(mark, &by)
                    && (self.how == How::All || mark.at <= until)
            };
            let mark = if latest.other == part as u64 { latest } else { *marks.iter().rev().find(fits)? };
            until = mark.at;
            if by.subject == 0 {
                by = mark;
            }
            parts.insert(0, mark);
        }
        Some(parts)
    }

    fn finding(&self, parts: Vec<Mark>, now: Moment) -> Found {
        let subject = parts.iter().rev().map(|mark| mark.subject).find(|id| *id != 0).unwrap_or(0);
        let began = parts.iter().map(|mark| mark.began).min().unwrap_or(now);
        let first = parts.iter().map(|mark| mark.at).min().unwrap_or(now);
        let names: Vec<&str> = parts.iter().map(|mark| self.names[mark.other as usize].as_str()).collect();
        let took = now.since(first);
        let why = match self.how {
            How::Any => format!("{} fired", names[0]),
            How::All => format!("{} within {took:.1} s", names.join(" and ")),
            How::Then => format!("{} within {took:.1} s", names.join(", then ")),
        };
        let finding = Finding {
            why,
            measures: if self.how == How::Any {
                Vec::new()
            } else {
                vec![super::look::measure("within_s", took, self.within_s)]
            },
            began,
            ..Finding::default()
        };
        let gauge = Gauge::new("parts", self.needed() as f64, self.needed() as f64);
        (subject, Look::fires(gauge, finding), parts)
    }
}

fn how(kind: &str) -> Option<How> {
    match kind {
        "all" => Some(How::All),
        "any" => Some(How::Any),
        "then" => Some(How::Then),
        _ => None,
    }
}
