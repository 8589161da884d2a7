//! One run: a fleet, a fault, and everything about it written down for the judge.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use cortex_camera::{Camera, CameraOptions};
use cortex_fleet::{Fleet, Servers as Addresses, affinity};
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    burst, clip,
    dice::Dice,
    fault::Fault,
    full, garbage,
    ledger::{Book, Happened, Phase},
    listener::Listener,
    operator,
    plant::{self, Plant, SESSION},
    rows,
    scene::Scene,
    servers::Servers,
    subscriber::{self, Manner},
};

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) cortex: PathBuf,
    pub(crate) clip: PathBuf,
    pub(crate) models: PathBuf,
    /// Where clips are kept between runs.
    pub(crate) clips: PathBuf,
    pub(crate) cameras: u16,
    /// Pictures analysed a second and camera.
    pub(crate) rate: f32,
    pub(crate) seed: u64,
}

const STEADY: Duration = Duration::from_secs(15);
/// The same after the fault, and for as long as GLib's pool keeps threads that nobody needs: 15 s.
const SETTLED: Duration = Duration::from_secs(20);
/// How long cameras may take to begin, and to come back when all is over.
const PATIENCE: Duration = Duration::from_secs(90);
/// A camera is awake when it was analysed so lately.
const AWAKE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);
/// What is on its way has arrived.
const ARRIVED: Duration = Duration::from_secs(4);
/// The subscriber that comes when all is over, and reads everything from the beginning.
pub(crate) const LATE: u32 = 10_000;
/// The one that takes one alert a second.
pub(crate) const SLOW: u32 = 10_001;
/// Cameras that come and go.
const FLAPPING: usize = 50;

/// Runs it; the ledger is in `folder` afterwards.
pub(crate) fn run(
    setting: &Setting,
    fault: Fault,
    servers: &mut Servers,
    folder: &Path,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let scratch = tempfile::tempdir()?;
    let guest = (fault == Fault::F3).then(|| setting.models.join("../golden/astronaut.png"));
    let mut clips = clip::clips(&setting.clip, &setting.clips, setting.cameras, guest.as_deref())?;
    if fault == Fault::F21 {
        clips.clear();
    }
    let cameras: Vec<Camera> =
        clips.iter().map(|clip| Camera::start(CameraOptions::new(clip))).collect::<Result<_, _>>()?;
    // Taken and let go: nobody listens there yet.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let away = |kind: &str, count: usize| -> Vec<(String, String)> {
        (0..count)
            .map(|number| (format!("{kind}-{number}"), format!("rtsp://127.0.0.1:{port}/camera")))
            .collect()
    };
    let known = cameras.iter().enumerate().map(|(number, camera)| (format!("camera-{number}"), camera.url()));
    let mut all: Vec<(String, String)> = known.collect();
    match fault {
        Fault::F20 => all.extend(away("flap", FLAPPING)),
        Fault::F21 => all.extend(away(burst::NAME, burst::CAMERAS)),
        _ => {}
    }
    let config = scratch.path().join("cortex.toml");
    plant::config(&config, &setting.models.canonicalize()?, setting.rate, guest.is_some(), &all)?;
    let addresses = Addresses { kafka: servers.kafka()?.to_owned(), cql: servers.cql()?.to_owned() };
    let name = format!("chaos{:?}x{}", fault, setting.seed % 1_000_000).to_lowercase();
    let fleet = Fleet {
        cortex: &setting.cortex,
        config: &config,
        folder: scratch.path(),
        servers: &addresses,
        name: name.clone(),
    };
    if fault == Fault::F24 {
        return full::run(&fleet, &cameras, folder);
    }
    let history = Book::open(folder, "history")?;
    let plant = Plant::new(fleet, fault.copies(), history, Book::open(folder, "vitals")?)?;
    plant.prepare()?;
    let scene = Arc::new(Scene::default());
    let listen =
        || Listener::start(&addresses.kafka, &name, Book::open(folder, "messages")?, Arc::clone(&scene));
    // It decodes each picture for its stamp: in a burst that is more work than the core of the servers has. There it reads
    // afterwards what the topics hold.
    let listener = if fault == Fault::F21 { None } else { Some(listen()?) };
    let runtime = Runtime::new()?;
    let mut run = Run {
        plant,
        servers,
        scene: Arc::clone(&scene),
        cameras,
        dice: Dice(setting.seed),
        port,
        clip: clips.first().cloned(),
        guest,
        told: Book::open(folder, "told")?,
        acts: Book::open(folder, "acts")?,
        operator: None,
        runtime: &runtime,
        expected: clips.len(),
    };
    let outcome = run.go(fault, setting);
    drop(run); // and with it what still runs
    // The processes' own words are evidence too, and most wanted when something went wrong.
    for entry in fs::read_dir(scratch.path())? {
        let log = entry?.path().join("log");
        if let (true, Some(instance)) = (log.is_file(), log.parent().and_then(Path::file_name)) {
            fs::copy(&log, folder.join(format!("{}.log", instance.display())))?;
        }
    }
    outcome?;
    listener.map_or_else(listen, Ok)?.finish()?;
    let node = addresses.cql.split(',').next().unwrap_or_default();
    runtime.block_on(rows::write(node, &name, &Book::open(folder, "rows")?))?;
    runtime.shutdown_background();
    Ok(())
}

struct Run<'a> {
    plant: Plant<'a>,
    servers: &'a mut Servers,
    scene: Arc<Scene>,
    cameras: Vec<Camera>,
    dice: Dice,
    port: u16,
    clip: Option<PathBuf>,
    /// A picture of somebody who is to be recognised.
    guest: Option<PathBuf>,
    told: Book,
    acts: Book,
    operator: Option<JoinHandle<()>>,
    runtime: &'a Runtime,
    /// Cameras that are to be analysed.
    expected: usize,
}

impl Run<'_> {
    fn go(&mut self, fault: Fault, setting: &Setting) -> anyhow::Result<()> {
        self.plant.phase(Phase::WarmUp)?;
        for instance in fault.processes() {
            self.plant.start(instance)?;
        }
        if let Some(guest) = &self.guest {
            self.plant.enrol(guest)?;
        }
        for number in 0..fault.subscribers() {
            // The first stays; every other leaves now and then, and comes back with its cursor.
            let stays = if number % 2 == 0 { Duration::from_secs(86_400) } else { Duration::from_secs(11) };
            self.subscribe(number, Manner { pause: Duration::ZERO, stays });
        }
        if fault == Fault::F21 {
            let all = format!("0-{}", thread::available_parallelism()?.get() - 1);
            self.pin("1", "0").context("give the detector a core of its own; F21 needs two")?;
            burst::run(&mut self.plant, setting)?;
            self.pin(&all, &all)?;
        } else {
            ensure!(self.wakes(PATIENCE), "only {} cameras began", self.scene.awake(AWAKE));
            self.plant.phase(Phase::Steady)?;
            self.operator = fault.has_operator().then(|| {
                let (doors, scene) = (self.plant.doors.clone(), Arc::clone(&self.scene));
                operator::start(self.runtime, doors, scene, self.acts.clone())
            });
            thread::sleep(STEADY);
            self.plant.phase(Phase::Fault)?;
            self.inject(fault)?;
            self.plant.phase(Phase::Heal)?;
            // Who does not come back is the judge's affair: it is written down that way.
            self.wakes(PATIENCE);
            self.plant.phase(Phase::Settle)?;
            thread::sleep(SETTLED);
        }
        self.plant.phase(Phase::End)?;
        self.end()
    }

    /// Keeps the detector on some cores, and everything else, the servers and ourselves too, on others.
    fn pin(&self, detector: &str, others: &str) -> anyhow::Result<()> {
        for (instance, process) in self.plant.processes() {
            let its_own = instance.starts_with("detector");
            affinity::pin_process(process, if its_own { detector } else { others })?;
        }
        for process in self.servers.processes()?.into_iter().chain([std::process::id()]) {
            affinity::pin_process(process, others)?;
        }
        Ok(())
    }

    fn subscribe(&self, number: u32, manner: Manner) {
        subscriber::start(self.runtime, number, manner, self.plant.doors.clone(), self.told.clone());
    }

    /// Waits until every camera is analysed.
    fn wakes(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.scene.awake(AWAKE) < self.expected {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }

    fn inject(&mut self, fault: Fault) -> anyhow::Result<()> {
        let seconds = Duration::from_secs;
        match fault {
            Fault::Calm => thread::sleep(seconds(60)),
            Fault::F1 => self.kill_again_and_again("ingest-1")?,
            Fault::F2 => self.kill_again_and_again("detector-1")?,
            Fault::F1Alone => self.kill_for_good("ingest-1")?,
            Fault::F2Alone => self.kill_for_good("detector-1")?,
            Fault::F3 => self.kill_now_and_then("recognizer-1", 5)?,
            Fault::F4 => {
                self.look_on()?;
                self.kill_now_and_then("cloaker-1", 3)?;
            }
            Fault::F5 => {
                for instance in ["alerter-1", "alerter-2"] {
                    self.plant.kill(instance)?;
                    thread::sleep(seconds(3));
                    self.plant.start(instance)?;
                    thread::sleep(seconds(12));
                }
            }
            Fault::F7 => {
                for _ in 0..3 {
                    self.away("kafka", seconds(3))?;
                    thread::sleep(seconds(15));
                }
            }
            Fault::F7Three => self.away("kafka-2", seconds(20))?,
            Fault::F10 => {
                for _ in 0..6 {
                    self.plant.start("detector-2")?;
                    thread::sleep(seconds(10));
                    self.plant.terminate("detector-2")?;
                    thread::sleep(seconds(10));
                }
            }
            Fault::F11 => {
                self.plant.freeze("detector-1")?;
                thread::sleep(SESSION + seconds(8));
                self.plant.thaw("detector-1")?;
                thread::sleep(seconds(10));
            }
            Fault::F13 => self.away("cassandra", seconds(60))?,
            Fault::F13Three => self.away("cassandra-2", seconds(60))?,
            Fault::F15 => garbage::inject(&self.plant, &mut self.dice, self.expected, seconds(30))?,
            Fault::F20 => self.flap(seconds(60))?,
            // These have phases of their own.
            Fault::F21 | Fault::F24 => {}
            Fault::F22 => {
                self.subscribe(SLOW, Manner { pause: seconds(1), stays: seconds(86_400) });
                thread::sleep(seconds(60));
            }
            Fault::F29 => {
                for instance in self.plant.instances() {
                    self.plant.terminate(&instance)?;
                    self.plant.start(&instance)?;
                    thread::sleep(seconds(5));
                }
            }
        }
        Ok(())
    }

    fn kill_again_and_again(&mut self, instance: &str) -> anyhow::Result<()> {
        for _ in 0..5 {
            thread::sleep(self.dice.between(Duration::from_secs(2), Duration::from_secs(6)));
            self.kill_and_start(instance)?;
            self.wakes(Duration::from_secs(20));
        }
        Ok(())
    }

    /// Each time after as long as it may take to be back at least.
    fn kill_now_and_then(&mut self, instance: &str, times: u32) -> anyhow::Result<()> {
        for _ in 0..times {
            thread::sleep(self.dice.between(Duration::from_secs(6), Duration::from_secs(10)));
            self.kill_and_start(instance)?;
        }
        thread::sleep(Duration::from_secs(6));
        Ok(())
    }

    fn kill_and_start(&mut self, instance: &str) -> anyhow::Result<()> {
        self.plant.kill(instance)?;
        // What was on its way is not taken for the word of its successor.
        thread::sleep(Duration::from_secs(1));
        self.plant.start(instance)
    }

    fn kill_for_good(&mut self, instance: &str) -> anyhow::Result<()> {
        self.plant.kill(instance)?;
        thread::sleep(SESSION * 4);
        Ok(())
    }

    /// Somebody looks at the live view from now on, until the run ends.
    fn look_on(&self) -> anyhow::Result<()> {
        let door = self.plant.doors.any(0).context("no alerter listens")?;
        let history = self.plant.history.clone();
        // Pictures that do not come are the judge's affair.
        self.runtime.spawn(async move { subscriber::look_on(&door, &history).await.ok() });
        Ok(())
    }

    /// A server dies, and comes back after a while.
    fn away(&mut self, server: &str, time: Duration) -> anyhow::Result<()> {
        self.servers.kill(server)?;
        self.plant.say(Happened::ServerGone { server: server.to_owned() })?;
        thread::sleep(time);
        self.servers.revive()?;
        self.plant.say(Happened::ServerBack { server: server.to_owned() })
    }

    /// Cameras come and go every second for so long; the first of those that stay says nothing for a while.
    fn flap(&mut self, time: Duration) -> anyhow::Result<()> {
        let server = std::env::current_exe()?.with_file_name("cortex-camera");
        let clip = self.clip.clone().context("there is a clip")?;
        let until = Instant::now() + time;
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            self.cameras[0].freeze(left > time / 3 && left < time * 2 / 3);
            let mut camera = Command::new(&server);
            camera.arg(&clip).args(["--port", &self.port.to_string()]);
            let mut camera = camera.stdout(Stdio::null()).spawn().context("start the cameras")?;
            thread::sleep(Duration::from_secs(2)); // it takes one to begin
            camera.kill()?;
            camera.wait()?;
            thread::sleep(Duration::from_secs(1));
        }
        self.cameras[0].freeze(false);
        Ok(())
    }

    /// Ends one after the other, so that nothing is on its way when the last has ended.
    fn end(&mut self) -> anyhow::Result<()> {
        if let Some(operator) = self.operator.take() {
            operator.abort();
        }
        let (alerters, others): (Vec<String>, Vec<String>) =
            self.plant.instances().into_iter().partition(|instance| instance.starts_with("alerter"));
        for instance in others {
            self.plant.terminate(&instance)?;
            thread::sleep(ARRIVED);
        }
        // Those who wait before they connect again come back, and the slow one has its time.
        thread::sleep(ARRIVED * 3);
        self.runtime.block_on(subscriber::catch_up(LATE, &self.plant.doors, &self.told, ARRIVED * 2))?;
        for instance in alerters {
            self.plant.terminate(&instance)?;
        }
        Ok(())
    }
}
