//! The fleet that is put under faults: its processes by name, and what happens to them, written down.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use cortex_fleet::{Fleet, Running, child};

use crate::{
    ledger::{Book, Happened, Moment, Phase, Vital, now_us},
    subscriber::Doors,
};

/// `bus.session_s` of every process.
pub(crate) const SESSION: Duration = Duration::from_secs(6);
/// Whom alerters ask about people.
const RECOGNIZER: &str = "recognizer-1";
/// How long a process may take to drain.
const DRAIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);

/// Rules without a camera hold for every camera that has the zone; they are those of `demo/demo.toml` that
/// `bench/truth` knows the answer to, and two that last.
const RULES: &str = r#"
[[rules]]
id = "through-the-junction"
kind = "entry"
zone = "junction"
[[rules]]
id = "loitering-at-the-junction"
kind = "dwell"
zone = "junction"
seconds = 5
[[rules]]
id = "keep-off-the-lawn"
kind = "entry"
zone = "lawn"
[[rules]]
id = "staying-on-the-lawn"
kind = "dwell"
zone = "lawn"
seconds = 10
[[rules]]
id = "along-the-path"
kind = "crossing"
zone = "path"
direction = "any"
"#;

/// The processes.
pub(crate) struct Plant<'a> {
    pub(crate) fleet: Fleet<'a>,
    /// Settings that every process has besides those of the fleet.
    settings: Vec<(&'static str, String)>,
    running: BTreeMap<String, Running>,
    pub(crate) history: Book,
    pub(crate) doors: Doors,
    watched: Arc<Mutex<BTreeMap<String, u32>>>,
    stop: Arc<AtomicBool>,
}

/// The configuration of cameras by id and address, each a site of its own; `faces` are recognised or not looked for.
pub(crate) fn config(
    path: &Path,
    models: &Path,
    rate: f32,
    faces: bool,
    cameras: &[(String, String)],
) -> anyhow::Result<()> {
    // An anomaly is an alert's revision at once, so that each can be looked for among what was told, and nothing is told by
    // time alone, which could be in the moment in which the alerter ends. No judgement of the picture: a clip that is repeated
    // is a fault of it.
    let (recognition, face_long_side) = if faces {
        let keys = path.with_file_name("master.key");
        let sealed = "c0".repeat(32);
        let text = format!(
            "profile = \"research\"\n[keys]\npath = {keys:?}\n[bus]\nkey = \"{sealed}\"\n\
             [recognizer]\nenabled = true\nshots = 1\n"
        );
        (text, 640)
    } else {
        (String::new(), 0)
    };
    let mut text = format!(
        "{recognition}[infer]\nmodels = {models:?}\nproviders = [\"cpu\"]\nprecision = \"int8\"\n\
         [ingest]\nrate = {rate:?}\nidle = \"off\"\nhealth = false\n[detector]\n\
         face_long_side = {face_long_side}\n\
         [alerter]\ngroup_s = 0.0\ncooldown_s = 0.0\nflapping_count = 1000000\n\
         close_after_s = 86400.0\n{RULES}"
    );
    for (id, url) in cameras {
        writeln!(text, "[[cameras]]\nid = \"{id}\"\nsite = \"site-of-{id}\"\nurl = {url:?}")?;
        for (zone, shape, points) in [
            ("junction", "polygon", "[[330, 190], [640, 165], [700, 330], [400, 330]]"),
            ("lawn", "polygon", "[[0, 250], [300, 305], [768, 500], [768, 576], [0, 576]]"),
            ("path", "line", "[[470, 130], [330, 300]]"),
        ] {
            writeln!(
                text,
                "[[zones]]\nid = \"{zone}\"\ncamera = \"{id}\"\nshape = \"{shape}\"\n\
                 size = [768, 576]\npoints = {points}"
            )?;
        }
    }
    Ok(fs::write(path, text)?)
}

impl<'a> Plant<'a> {
    /// Nothing runs yet; what will is looked at once a second.
    pub(crate) fn new(fleet: Fleet<'a>, copies: u32, history: Book, vitals: Book) -> anyhow::Result<Self> {
        let watched = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopped) = (Arc::clone(&watched), Arc::clone(&stop));
        thread::Builder::new().name("vitals".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let now: BTreeMap<String, u32> = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                for (instance, process) in now {
                    // One that ended just now has no vitals.
                    let Ok(vital) = look(&instance, process) else { continue };
                    if vitals.write(&vital).is_err() {
                        return;
                    }
                }
                thread::sleep(LOOK);
            }
        })?;
        let copies = copies.to_string();
        let settings = vec![
            ("CORTEX__BUS__SESSION_S", SESSION.as_secs().to_string()),
            ("CORTEX__BUS__REPLICATION", copies.clone()),
            ("CORTEX__STORE__REPLICATION", copies),
        ];
        Ok(Self {
            fleet,
            settings,
            running: BTreeMap::new(),
            history,
            doors: Doors::default(),
            watched,
            stop,
        })
    }

    pub(crate) fn say(&self, what: Happened) -> anyhow::Result<()> {
        self.history.write(&Moment { at_us: now_us(), what })
    }

    pub(crate) fn phase(&self, phase: Phase) -> anyhow::Result<()> {
        self.say(Happened::Phase(phase))
    }

    /// The folder of a process.
    pub(crate) fn folder(&self, instance: &str) -> PathBuf {
        self.fleet.folder.join(instance)
    }

    /// Makes topics and tables.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        for words in [["store", "migrate"], ["topics", "apply"]] {
            let mut command = self.fleet.command(words[0]);
            command.args(words).envs(self.settings.iter().cloned());
            child::run(command)?;
        }
        Ok(())
    }

    /// Starts `detector-1` and the like, again too, and waits until it listens.
    pub(crate) fn start(&mut self, instance: &str) -> anyhow::Result<()> {
        let (stage, _) = instance.split_once('-').context("an instance is called stage-number")?;
        self.say(Happened::Started { instance: instance.to_owned() })?;
        let mut command = self.fleet.command(instance);
        command.envs(self.settings.iter().cloned()).env("CORTEX__BUS__INSTANCE", instance).arg(stage);
        if let Some(recognizer) = self.running.get(RECOGNIZER) {
            command.env("CORTEX__STAGES__RECOGNIZER", format!("http://{}", recognizer.address));
        }
        let running = Running::start(&mut command)?;
        self.say(Happened::Ready { instance: instance.to_owned() })?;
        if stage == "alerter" {
            self.doors.open(&running.address, self.folder(instance));
        }
        self.watch(instance, Some(running.id()));
        self.running.insert(instance.to_owned(), running);
        Ok(())
    }

    /// Puts whoever is on this picture on a list of people who are known at once.
    pub(crate) fn enrol(&self, picture: &Path) -> anyhow::Result<()> {
        let alerter = self.running.get("alerter-1").context("no alerter runs")?;
        let command = |words: &str| {
            let mut command = self.fleet.command("alerter-1");
            command.env("CORTEX__LISTEN__ADDRESS", &alerter.address).args(words.split(' '));
            command
        };
        child::run(command(
            "watchlist set staff --purpose access --legal-basis consent --owner porter --without-confirmation",
        ))?;
        let mut enroll = command("enroll Eileen --list staff");
        enroll.arg(picture);
        child::run(enroll).map(drop)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self, instance: &str) -> anyhow::Result<()> {
        self.watch(instance, None);
        self.say(Happened::Killed { instance: instance.to_owned() })?;
        self.take(instance)?.kill();
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(&mut self, instance: &str) -> anyhow::Result<()> {
        self.watch(instance, None);
        let mut running = self.take(instance)?;
        running.signal("TERM")?;
        let status = running.ended(DRAIN)?;
        ensure!(status.is_some(), "{instance} does not end within {DRAIN:?}");
        let code = status.and_then(|status| status.code());
        self.say(Happened::Ended { instance: instance.to_owned(), code })
    }

    /// Stops it without ending it.
    pub(crate) fn freeze(&mut self, instance: &str) -> anyhow::Result<()> {
        self.say(Happened::Frozen { instance: instance.to_owned() })?;
        self.running.get(instance).context("it does not run")?.signal("STOP")
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self, instance: &str) -> anyhow::Result<()> {
        self.say(Happened::Thawed { instance: instance.to_owned() })?;
        self.running.get(instance).context("it does not run")?.signal("CONT")
    }

    /// Every process that runs, in the order in which they are to end: those that make first.
    pub(crate) fn instances(&self) -> Vec<String> {
        let order = ["ingest", "detector", "recognizer", "cloaker", "alerter"];
        let mut all: Vec<String> = self.running.keys().cloned().collect();
        all.sort_by_key(|instance| order.iter().position(|stage| instance.starts_with(stage)));
        all
    }

    /// Process of each that runs.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.running.iter().map(|(instance, running)| (instance.as_str(), running.id()))
    }

    fn take(&mut self, instance: &str) -> anyhow::Result<Running> {
        self.running.remove(instance).with_context(|| format!("{instance} does not run"))
    }

    fn watch(&self, instance: &str, process: Option<u32>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match process {
            Some(process) => drop(watched.insert(instance.to_owned(), process)),
            None => drop(watched.remove(instance)),
        }
    }
}

impl Drop for Plant<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn look(instance: &str, process: u32) -> anyhow::Result<Vital> {
    Ok(Vital {
        at_us: now_us(),
        instance: instance.to_owned(),
        process,
        memory_mib: child::memory_mib(process)?,
        threads: child::count(process, "task")?,
        files: child::count(process, "fd")?,
        cpu_s: child::cpu_seconds_of(process)?,
    })
}
