//! A full disk. In a fleet only the servers' disks hold anything, so it is the single process whose log and store are put on
//! a small disk of their own, which is filled.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use cortex_camera::Camera;
use cortex_fleet::{Fleet, Running, child};
use cortex_proto::v1::{self, access_service_client::AccessServiceClient};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Runtime;

use crate::{
    ledger::{Book, Happened, Message, Moment, Phase, Row, Vital, now_us},
    record,
    run::LATE,
    subscriber::{self, Doors, Manner, authorized},
};

const INSTANCE: &str = "up-1";
/// Whose token is asked for while the disk is full.
const SUBJECT: &str = "wall";
/// Clips, still pictures and the log take some MiB a second on a fast machine; what waited comes on top.
const SIZE: &str = "size=512m";
const WARM_UP: Duration = Duration::from_secs(30);
const STEADY: Duration = Duration::from_secs(20);
const FULL: Duration = Duration::from_secs(40);
const SETTLED: Duration = Duration::from_secs(15);
/// How long the process may take to be ready again, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(8);

/// A file system in memory that goes with its owner.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "chaos"]).arg(folder).status()?;
        ensure!(mounted.success(), "a small disk takes root: mount -t tmpfs failed");
        Ok(Self(folder))
    }

    /// Takes every byte that is free.
    fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.0.join("ballast"))?;
        let mut size = 1 << 20;
        while size > 0 {
            // What does not fit any more is tried by half.
            if ballast.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // Lazily, because the process that used it may be ending still.
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

/// Runs it on cameras that play already.
pub(crate) fn run(fleet: &Fleet<'_>, cameras: &[Camera], folder: &Path) -> anyhow::Result<()> {
    ensure!(!cameras.is_empty(), "it takes a camera");
    let data = fleet.folder.join(INSTANCE);
    let disk = Disk::mount(&data)?;
    let history = Book::open(folder, "history")?;
    let (told, vitals) = (Book::open(folder, "told")?, Book::open(folder, "vitals")?);
    let say = |what: Happened| history.write(&Moment { at_us: now_us(), what });
    say(Happened::Phase(Phase::WarmUp))?;
    let mut running = Running::start(fleet.alone(INSTANCE).arg("up"))?;
    let (runtime, doors, process) = (Runtime::new()?, Doors::default(), running.id());
    doors.open(&running.address, data.clone());
    for number in 0..4 {
        let stays = Duration::from_secs(if number % 2 == 0 { 86_400 } else { 11 });
        subscriber::start(
            &runtime,
            number,
            Manner { pause: Duration::ZERO, stays },
            doors.clone(),
            told.clone(),
        );
    }
    let door = (running.address.clone(), data.clone());
    let (live, book) = (door.clone(), history.clone());
    // Ends with the runtime; what it saw is in the history.
    runtime.spawn(async move { subscriber::look_on(&live, &book).await.ok() });
    let watch = |time: Duration| -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            vitals.write(&Vital {
                at_us: now_us(),
                instance: INSTANCE.to_owned(),
                process,
                memory_mib: child::memory_mib(process)?,
                threads: child::count(process, "task")?,
                files: child::count(process, "fd")?,
                cpu_s: child::cpu_seconds_of(process)?,
            })?;
            thread::sleep(LOOK);
        }
        Ok(())
    };
    let ask = || -> anyhow::Result<bool> {
        let (good, words) = ready(&door.0)?;
        say(Happened::Answered { question: "readyz".to_owned(), good, words })?;
        Ok(good)
    };
    watch(WARM_UP)?;
    say(Happened::Phase(Phase::Steady))?;
    watch(STEADY)?;
    say(Happened::Phase(Phase::Fault))?;
    disk.fill()?;
    watch(FULL / 2)?;
    ask()?;
    let refused = runtime.block_on(issue(&door));
    let words = refused.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
    say(Happened::Answered { question: "audited".to_owned(), good: refused.is_ok(), words })?;
    watch(FULL / 2)?;
    say(Happened::Phase(Phase::Heal))?;
    disk.free()?;
    let until = Instant::now() + PATIENCE;
    while !ask()? && Instant::now() < until {
        watch(LOOK)?;
    }
    say(Happened::Phase(Phase::Settle))?;
    watch(SETTLED)?;
    say(Happened::Phase(Phase::End))?;
    // Nothing new happens, so that whoever comes last has an end to wait for.
    cameras.iter().for_each(|camera| camera.freeze(true));
    runtime.block_on(subscriber::catch_up(LATE, &doors, &told, QUIET))?;
    running.signal("TERM")?;
    let code = running.ended(PATIENCE)?.and_then(|status| status.code());
    say(Happened::Ended { instance: INSTANCE.to_owned(), code })?;
    fs::copy(data.join("log"), folder.join(format!("{INSTANCE}.log")))?;
    runtime.shutdown_background();
    let good = in_the_audit(&data)?;
    say(Happened::Answered { question: "in the audit".to_owned(), good, words: String::new() })?;
    write(&data, folder)
}

/// What `/readyz` answers, and why.
fn ready(address: &str) -> anyhow::Result<(bool, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("readyz answers nothing")?;
    Ok((head.starts_with("HTTP/1.1 200"), body.trim().to_owned()))
}

/// Asks for something that is only done once it is in the audit.
async fn issue(door: &(String, std::path::PathBuf)) -> anyhow::Result<()> {
    let (channel, bearer) = authorized(door).await?;
    let mut request = tonic::Request::new(v1::IssueRequest {
        subject: SUBJECT.into(),
        roles: vec!["viewer".into()],
        days: 1,
    });
    request.metadata_mut().insert("authorization", bearer);
    AccessServiceClient::new(channel).issue(request).await?;
    Ok(())
}

/// Whether the store's audit tells of what [`issue`] asked for: a little may fit where much does not.
fn in_the_audit(data: &Path) -> anyhow::Result<bool> {
    let store = open(data, "store.sqlite")?;
    let mut query = store.prepare("SELECT body FROM audit")?;
    let mut found = query.query([])?;
    while let Some(row) = found.next()? {
        let body: Vec<u8> = row.get(0)?;
        let link = <v1::Audit as prost::Message>::decode(body.as_slice())?;
        if link.object == SUBJECT {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes down the log's facts and the store's rows. Frames and detections travel in memory, so nobody outside could have
/// followed them; neither is judged here.
fn write(data: &Path, folder: &Path) -> anyhow::Result<()> {
    let (log, messages) = (open(data, "bus.sqlite")?, Book::open(folder, "messages")?);
    let mut query = log.prepare("SELECT topic, partition, offset, time_us, body FROM messages")?;
    let mut found = query.query([])?;
    while let Some(row) = found.next()? {
        let (topic, body): (String, Vec<u8>) = (row.get(0)?, row.get(4)?);
        if ["anomalies", "alerts", "dead"].contains(&topic.as_str()) {
            messages.write(&Message {
                at_us: row.get(3)?,
                partition: row.get(1)?,
                offset: row.get(2)?,
                owner: String::new(),
                term: 0,
                body: record::body(&topic, &body),
                topic,
            })?;
        }
    }
    let (store, rows) = (open(data, "store.sqlite")?, Book::open(folder, "rows")?);
    for table in ["anomalies", "alerts"] {
        let mut query = store.prepare(&format!("SELECT body FROM {table}"))?;
        let mut found = query.query([])?;
        while let Some(row) = found.next()? {
            let body: Vec<u8> = row.get(0)?;
            rows.write(&match table {
                "anomalies" => Row::Anomaly(record::anomaly(&prost::Message::decode(body.as_slice())?)),
                _ => Row::Alert(record::alert(&prost::Message::decode(body.as_slice())?)),
            })?;
        }
    }
    Ok(())
}

fn open(data: &Path, name: &str) -> anyhow::Result<Connection> {
    Connection::open_with_flags(data.join(name), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("open {name}"))
}
