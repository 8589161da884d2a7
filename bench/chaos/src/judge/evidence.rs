//! Everything that was written down of a run.

use std::{collections::HashMap, fs, path::Path};

use cortex_proto::topics;

use crate::ledger::{Act, Body, Frame, Happened, Message, Moment, Phase, Row, Seen, Told, Vital, read};

/// A run's ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// What lies on the cluster and counts: messages of writers whose term was over are left out, as every reader leaves
    /// them out.
    pub(crate) messages: Vec<Message>,
    /// Messages of writers whose term was over.
    pub(crate) outdated: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) told: Vec<Told>,
    pub(crate) acts: Vec<Act>,
    pub(crate) history: Vec<Moment>,
    pub(crate) vitals: Vec<Vital>,
    /// What each process said of itself, by instance.
    pub(crate) logs: Vec<(String, String)>,
}

impl Evidence {
    /// Reads a run's folder.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut logs = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "log") {
                let instance = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                logs.push((instance, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
            }
        }
        let (messages, outdated) = heard(read(folder, "messages")?);
        Ok(Self {
            messages,
            outdated,
            rows: read(folder, "rows")?,
            told: read(folder, "told")?,
            acts: read(folder, "acts")?,
            history: read(folder, "history")?,
            vitals: read(folder, "vitals")?,
            logs,
        })
    }

    /// When a phase began.
    pub(crate) fn began(&self, phase: Phase) -> Option<i64> {
        self.history.iter().find(|moment| moment.what == Happened::Phase(phase)).map(|moment| moment.at_us)
    }

    pub(crate) fn frames(&self) -> impl Iterator<Item = (&Message, &Frame)> {
        self.messages.iter().filter_map(|message| match &message.body {
            Body::Frame(frame) => Some((message, frame)),
            _ => None,
        })
    }

    pub(crate) fn seen(&self) -> impl Iterator<Item = (&Message, &Seen)> {
        self.messages.iter().filter_map(|message| match &message.body {
            Body::Seen(seen) => Some((message, seen)),
            _ => None,
        })
    }

    /// From when to when a broker was away.
    pub(crate) fn broker_away(&self) -> Vec<(i64, i64)> {
        let (mut away, mut gone) = (Vec::new(), None);
        for Moment { at_us, what } in &self.history {
            match what {
                Happened::ServerGone { server } if server.starts_with("kafka") => gone = Some(*at_us),
                Happened::ServerBack { server } if server.starts_with("kafka") => {
                    away.extend(gone.take().map(|gone| (gone, *at_us)));
                }
                _ => {}
            }
        }
        away
    }

    /// From when to when a detector or what it publishes on was disturbed: it ended, was stopped, or a broker was away. The
    /// database is not among them: what waits for it is late, and nothing else.
    pub(crate) fn disturbances(&self) -> Vec<(i64, i64)> {
        let moments = self.history.iter().filter_map(|moment| match &moment.what {
            Happened::Killed { instance } | Happened::Frozen { instance } | Happened::Thawed { instance }
                if instance.starts_with("detector") =>
            {
                Some((moment.at_us, moment.at_us))
            }
            _ => None,
        });
        moments.chain(self.broker_away()).collect()
    }
}

/// Leaves out what writers said whose term was over in that partition.
pub(super) fn heard(mut messages: Vec<Message>) -> (Vec<Message>, usize) {
    messages.sort_by(|one, other| {
        (&one.topic, one.partition, one.offset).cmp(&(&other.topic, other.partition, other.offset))
    });
    let mut highest: HashMap<(String, i32, String), u64> = HashMap::new();
    let all = messages.len();
    messages.retain(|message| {
        if message.owner.is_empty() || message.topic == topics::DEAD.noun {
            return true;
        }
        let known =
            highest.entry((message.topic.clone(), message.partition, message.owner.clone())).or_default();
        *known = (*known).max(message.term);
        *known == message.term
    });
    let outdated = all - messages.len();
    (messages, outdated)
}
