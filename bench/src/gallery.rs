//! What a search of the gallery costs: the packed exact search against a scan over full vectors, and against what reading
//! so much memory takes at least.

use std::{
    fs,
    hint::black_box,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicI64, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;
use cortex_fleet::child;
use cortex_models::Manifest;
use cortex_recognizer::{Cards, Gallery, Hit, Index, Person, Scale, Template};
use cortex_runtime::{
    keys::{Keys, PeopleKeys},
    store::{Retention, Sqlite, Store},
};
use serde::Serialize;

use crate::report::{line, median};

/// How much is searched.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Templates of 128 values, four a person
    #[arg(long, default_value_t = 100_000)]
    templates: usize,
    /// Searches, half of them by people who are enrolled
    #[arg(long, default_value_t = 2_000)]
    queries: usize,
    /// Templates that are sealed, stored and loaded again
    #[arg(long, default_value_t = 10_000)]
    loaded: usize,
    /// Also write templates and probes as float32 for `peers/usearch_index.py`, into this folder
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Folder for `gallery.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Result {
    templates: usize,
    megabytes: f64,
    /// CPU milliseconds a search.
    packed_ms: f64,
    full_ms: f64,
    /// Milliseconds to read the packed templates once, at the bandwidth measured in this run.
    reading_ms: f64,
    same_answer: f64,
    /// Seconds to read, open and index so many templates of so many people.
    load_s: f64,
    loaded: usize,
}

const DIMENSION: usize = 128;
const A_PERSON: usize = 4;
const SPACE: &str = "dlib-resnet-128";
/// Bytes read to know the memory's bandwidth: more than any cache holds.
const MEMORY: usize = 512 << 20;
/// Measurements, of which the median counts.
const ROUNDS: usize = 5;

/// Faces as the shipped model sees them: all in one cone (a cosine of 0.8 between strangers), and people and their
/// pictures spread along few directions much more than along the others (the n-th spread is n^-0.5), so that there are
/// people who look alike; 0.965 between two pictures of a person.
pub(crate) struct Faces {
    state: u64,
    centre: Vec<f32>,
}

const CONE: f32 = 0.894;
const PEOPLE: f32 = 0.41;
const PICTURES: f32 = 0.19;

impl Faces {
    pub(crate) fn new(seed: u64) -> Self {
        let mut faces = Self { state: seed, centre: Vec::new() };
        faces.centre = faces.direction(0.0, CONE);
        faces
    }

    /// Uniform in 0..1: splitmix64 (Steele, Lea, Flood 2014).
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 24) as f32
    }

    /// A random vector of this mean length, whose n-th value is spread as n^-falling.
    fn direction(&mut self, falling: f32, length: f32) -> Vec<f32> {
        let spread = |n: usize| ((n + 1) as f32).powf(-falling);
        let scale = length / (0..DIMENSION).map(|n| spread(n).powi(2)).sum::<f32>().sqrt();
        (0..DIMENSION)
            .map(|n| {
                // Twelve uniforms less six are nearly normal.
                let normal = (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0;
                normal * spread(n) * scale
            })
            .collect()
    }

    pub(crate) fn person(&mut self) -> Vec<f32> {
        let own = self.direction(0.5, PEOPLE);
        self.centre.iter().zip(own).map(|(centre, own)| centre + own).collect()
    }

    pub(crate) fn picture(&mut self, person: &[f32]) -> Vec<f32> {
        let noise = self.direction(0.5, PICTURES);
        let mut picture: Vec<f32> = person.iter().zip(noise).map(|(own, noise)| own + noise).collect();
        cortex_models::normalise(&mut picture);
        picture
    }
}

/// Measures search and loading.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut faces = Faces::new(7);
    let people: Vec<Vec<f32>> = (0..options.templates.div_ceil(A_PERSON)).map(|_| faces.person()).collect();
    let templates: Vec<Vec<f32>> =
        (0..options.templates).map(|n| faces.picture(&people[n / A_PERSON])).collect();
    let probes: Vec<Vec<f32>> = (0..options.queries)
        .map(|n| {
            let person = if n % 2 == 0 { people[n * 7919 % people.len()].clone() } else { faces.person() };
            faces.picture(&person)
        })
        .collect();
    describe(&templates)?;
    if let Some(folder) = &options.peer {
        write(folder, "templates.f32", &templates)?;
        write(folder, "probes.f32", &probes)?;
    }
    let rows =
        templates.iter().enumerate().map(|(n, vector)| ((n / A_PERSON) as u32, 0.0, vector.as_slice()));
    let index = Index::new(DIMENSION, rows);
    drop(templates);

    let same = probes.iter().filter(|probe| {
        let (packed, full) = (index.nearest(probe, |_| true), index.scan(probe, |_| true));
        packed.map(|hit| hit.template) == full.map(|hit| hit.template)
    });
    let same_answer = same.count() as f64 / probes.len() as f64;
    let few = &probes[..probes.len().min(200)];
    let (mut packed, mut full, mut reading) = (Vec::new(), Vec::new(), Vec::new());
    let memory = vec![1_u64; MEMORY / 8];
    for _ in 0..ROUNDS {
        reading.push(read(&memory)? * (options.templates * DIMENSION) as f64 / MEMORY as f64);
        packed.push(cost(few, |probe| keep(index.nearest(probe, |_| true)))?);
        full.push(cost(few, |probe| keep(index.scan(probe, |_| true)))?);
    }
    let load_s = load(options.loaded)?;
    let result = Result {
        templates: index.len(),
        megabytes: index.bytes() as f64 / 1e6,
        packed_ms: median(&packed),
        full_ms: median(&full),
        reading_ms: median(&reading),
        same_answer,
        load_s,
        loaded: options.loaded,
    };
    line(format!(
        "{} templates, {:.0} MB: {:.2} ms CPU a search (target 2 for 100,000), a scan of full vectors {:.2}; the same answer \
         for {:.2} % (target 99.9)",
        result.templates,
        result.megabytes,
        result.packed_ms,
        result.full_ms,
        100.0 * result.same_answer
    ))?;
    line(format!(
        "reading the packed templates alone takes {:.2} ms: the search {:.2} times that (target 1.3)",
        result.reading_ms,
        result.packed_ms / result.reading_ms
    ))?;
    line(format!(
        "{} templates read, opened and indexed in {:.2} s (target 1)",
        result.loaded, result.load_s
    ))?;
    fs::create_dir_all(&options.out).context("make the folder for results")?;
    fs::write(options.out.join("gallery.json"), serde_json::to_vec_pretty(&result)?)
        .context("write the results")
}

/// How alike people and strangers are in what was generated.
fn describe(templates: &[Vec<f32>]) -> anyhow::Result<()> {
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let own: Vec<f64> =
        templates.chunks_exact(A_PERSON).take(1_000).map(|own| cosine(&own[0], &own[1])).collect();
    let strangers = templates.iter().step_by(A_PERSON).zip(templates.iter().skip(A_PERSON).step_by(A_PERSON));
    let mut strangers: Vec<f64> = strangers.take(10_000).map(|(a, b)| cosine(a, b)).collect();
    strangers.sort_by(f64::total_cmp);
    let at = |share: f64| crate::report::percentile(&strangers, share);
    Ok(line(format!(
        "generated: cosine of one person {:.3} (median), of strangers {:.3} (median), {:.3} (one in a thousand)",
        median(&own),
        at(0.5),
        at(0.999)
    ))?)
}

/// CPU milliseconds of one search, of all threads.
fn cost(probes: &[Vec<f32>], search: impl Fn(&[f32])) -> anyhow::Result<f64> {
    let before = child::cpu_seconds_of(std::process::id())?;
    let mut spent = 0.0;
    let mut searches = 0;
    // The clock of a process ticks every 10 ms.
    while spent < 0.5 {
        probes.iter().for_each(|probe| search(probe));
        searches += probes.len();
        spent = child::cpu_seconds_of(std::process::id())? - before;
    }
    Ok(1e3 * spent / searches as f64)
}

/// CPU milliseconds to read this memory once, on one core, with nothing but a running sum.
fn read(memory: &[u64]) -> anyhow::Result<f64> {
    let before = child::cpu_seconds_of(std::process::id())?;
    let (mut spent, mut reads) = (0.0, 0);
    while spent < 0.5 {
        black_box(black_box(memory).iter().fold(0_u64, |sum, word| sum ^ word));
        reads += 1;
        spent = child::cpu_seconds_of(std::process::id())? - before;
    }
    Ok(1e3 * spent / reads as f64)
}

/// Seconds until so many templates out of a store can be searched.
fn load(templates: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(Some(&folder.path().join("people.db")), retention)?);
    let clock = Arc::new(AtomicI64::new(1));
    let open = || -> anyhow::Result<Gallery> {
        let keys = PeopleKeys::open(&Keys::open(&folder.path().join("keys/master.key"))?)?;
        let card = Manifest::shipped().card(SPACE)?.context("the shipped model has a card")?;
        let scale = Scale { space: SPACE.to_owned(), cards: Cards::from([(SPACE.to_owned(), card)]) };
        let clock = Arc::clone(&clock);
        Ok(Gallery::open(Arc::clone(&store), keys, scale, Arc::new(move || clock.load(Ordering::Relaxed)))?)
    };
    let mut faces = Faces::new(11);
    let gallery = open()?;
    let people = (0..templates.div_ceil(A_PERSON)).map(|n| {
        let own = faces.person();
        let template = |vector| Template {
            space: SPACE.to_owned(),
            model: String::new(),
            quality: 1.0,
            turn: 0.0,
            vector,
        };
        let templates = (0..A_PERSON).map(|_| template(faces.picture(&own))).collect();
        Person { name: format!("person {n}"), templates, enrolled_us: 1, ..Person::default() }
    });
    gallery.add_all(people.collect(), &[])?;
    drop(gallery);
    let begun = Instant::now();
    let gallery = open()?;
    let took = begun.elapsed().as_secs_f64();
    if gallery.people().len() != templates.div_ceil(A_PERSON) {
        bail!("{} people were loaded", gallery.people().len());
    }
    Ok(took)
}

fn write(folder: &Path, name: &str, vectors: &[Vec<f32>]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).context("make the folder for the peer")?;
    let mut file = std::io::BufWriter::new(fs::File::create(folder.join(name))?);
    for value in vectors.iter().flatten() {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

fn keep(hit: Option<Hit>) {
    black_box(hit);
}
