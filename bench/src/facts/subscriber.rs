//! A subscriber: `cortex watch`, and what it was told.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde::Deserialize;

use cortex_fleet::{Fleet, Running};

pub(super) struct Subscriber {
    running: Running,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    /// The latest revision of each alert, and how many anomalies are in it.
    alerts: HashMap<String, (u32, u64)>,
    doubles: u64,
}

/// What of an alert's line is read.
#[derive(Deserialize)]
struct Line {
    id: String,
    revision: u32,
    count: u64,
}

impl Subscriber {
    /// Subscribes at an alerter that listens at `address`.
    pub(super) fn start(fleet: &Fleet<'_>, address: &str) -> anyhow::Result<Self> {
        let mut command = fleet.command("alerter");
        command.env("CORTEX__LISTEN__ADDRESS", address).args(["watch", "--json"]);
        let (running, output) = Running::spawn(&mut command)?;
        let told = Arc::new(Mutex::new(Told::default()));
        let taken = Arc::clone(&told);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str::<Line>(&line) {
                    taken.lock().unwrap_or_else(PoisonError::into_inner).take(line);
                }
            }
        });
        Ok(Self { running, told })
    }

    /// Anomalies in all alerts that it knows.
    pub(super) fn told(&self) -> u64 {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.alerts.values().map(|(_, count)| count).sum()
    }

    /// Revisions that came twice or out of order.
    pub(super) fn doubles(&self) -> u64 {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).doubles
    }

    pub(super) fn id(&self) -> u32 {
        self.running.id()
    }
}

impl Told {
    fn take(&mut self, line: Line) {
        let known = self.alerts.entry(line.id).or_default();
        if line.revision <= known.0 {
            self.doubles += 1;
        } else {
            *known = (line.revision, line.count);
        }
    }
}
