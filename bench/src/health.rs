//! What is told of cameras' pictures: nothing of clips that are played once through and of a noisy yard whose light
//! changes, and each fault that is put into a clip, with how long it took.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use cortex_ingest::{Fault, Health, News};
use cortex_models::{Format, Matrix, Picture, Plane};

use crate::{clip::Decoder, report::line};

/// What is looked at.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clips, H.264; each is a camera that was always well
    #[arg(long, env = "CORTEX_BENCH_CLIP", required = true, num_args = 1..)]
    clip: Vec<PathBuf>,
    /// Hours of the noisy yard
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
}

/// A fault must be found within so many seconds, a loop within two of its rounds.
const WITHIN_S: f64 = 10.0;
const LOOP_S: f64 = 6.0;
/// When it begins, in seconds from the beginning of the clip.
const BEGINS_S: f64 = 30.0;
/// Pictures a second that are looked at.
const RATE: f64 = 5.0;

/// Luma of a picture, tight.
#[derive(Clone)]
struct Luma {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// How a picture of a clip is changed.
type Change = fn(&Luma) -> Luma;

/// Runs everything.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line("\nhealth: what is told of a camera's picture")?;
    for clip in &options.clip {
        let name = clip.file_stem().context("a clip has a name")?.to_string_lossy().into_owned();
        let (pictures, rate) = read(clip)?;
        let mut health = Health::default();
        let told = play(&mut health, pictures.iter().cloned(), 0.0, rate);
        line(format!("  {name}, played once: {} told{}", told.len(), list(&told)))?;
        for (word, fault, change) in FAULTS {
            faulty(&name, &pictures, rate, (word, fault), |_, picture| change(picture))?;
        }
        let still = (BEGINS_S * rate) as usize;
        ensure!(pictures.len() > still, "{name} is shorter than {BEGINS_S} s");
        faulty(&name, &pictures, rate, ("frozen", Fault::Frozen), |_, _| pictures[still].clone())?;
        let round = (LOOP_S * rate) as usize;
        faulty(&name, &pictures, rate, ("looped", Fault::Looped), |at, _| {
            pictures[still - round + at % round].clone()
        })?;
    }
    yard(options.hours)
}

const FAULTS: [(&str, Fault, Change); 6] = [
    ("covered", Fault::Covered, |luma| luma.map(|x, _, _| 40 + (x % 3) as i32)),
    ("dark", Fault::Covered, |luma| luma.map(|_, _, pixel| 16 + pixel / 40)),
    ("overexposed", Fault::Overexposed, |luma| luma.map(|_, _, pixel| 150 + pixel)),
    ("defocused", Fault::Defocused, Luma::blurred),
    ("moved", Fault::Moved, |luma| {
        let (right, down) = (luma.width / 5, luma.height / 8);
        luma.map(|x, y, _| {
            let (x, y) = ((x + right) % luma.width, (y + down) % luma.height);
            i32::from(luma.pixels[y * luma.width + x])
        })
    }),
    ("noisy", Fault::Noisy, |luma| {
        let seed = std::cell::Cell::new(luma.pixels.iter().map(|pixel| u32::from(*pixel)).sum::<u32>());
        luma.map(|_, _, pixel| {
            seed.set(seed.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            pixel + (seed.get() >> 24) as i32 % 81 - 40
        })
    }),
];

impl Luma {
    fn map(&self, luma: impl Fn(usize, usize, i32) -> i32) -> Self {
        let pixel = |(at, pixel): (usize, &u8)| {
            luma(at % self.width, at / self.width, i32::from(*pixel)).clamp(16, 235) as u8
        };
        Self { pixels: self.pixels.iter().enumerate().map(pixel).collect(), ..*self }
    }

    /// The mean of 9x9 pixels about each.
    fn blurred(&self) -> Self {
        let mean = |of: &Self, step: usize, most: fn(&Self, usize) -> (usize, usize)| {
            let pixels = (0..of.pixels.len()).map(|at| {
                let (place, length) = most(of, at);
                let sum: u32 = (0..9_usize)
                    .map(|by| {
                        let to = (place + by).saturating_sub(4).min(length - 1);
                        u32::from(of.pixels[at + to * step - place * step])
                    })
                    .sum();
                (sum / 9) as u8
            });
            Self { pixels: pixels.collect(), ..*of }
        };
        let across = mean(self, 1, |of, at| (at % of.width, of.width));
        mean(&across, self.width, |of, at| (at / of.width, of.height))
    }

    fn picture(self) -> anyhow::Result<Picture> {
        let Self { width, height, pixels } = self;
        let (across, down) = (width.div_ceil(2), height.div_ceil(2));
        let grey = || Plane { data: vec![128; across * down].into(), stride: across };
        let planes = vec![Plane { data: pixels.into(), stride: width }, grey(), grey()];
        Ok(Picture::new(width, height, Format::I420(Matrix::Bt601), planes)?)
    }
}

/// The clip's pictures that are looked at, and how many of them there are a second.
fn read(clip: &Path) -> anyhow::Result<(Vec<Luma>, f64)> {
    let rate = crate::idle::rate(clip)?;
    let every = (rate / RATE).round().max(1.0) as usize;
    let decoder = Decoder::open(clip)?;
    let mut all = Vec::new();
    let mut number = 0;
    while let Some(picture) = decoder.next()? {
        if number % every == 0 {
            let (width, height) = (picture.width(), picture.height());
            let plane = &picture.planes()[0];
            let rows = plane.data.chunks(plane.stride).take(height).flat_map(|row| &row[..width]);
            all.push(Luma { width, height, pixels: rows.copied().collect() });
        }
        number += 1;
    }
    Ok((all, rate / every as f64))
}

/// Shows pictures from a time on; what is told, with when.
fn play(
    health: &mut Health,
    pictures: impl Iterator<Item = Luma>,
    from_s: f64,
    rate: f64,
) -> Vec<(f64, News)> {
    let mut told = Vec::new();
    for (number, picture) in pictures.enumerate() {
        let at_s = from_s + number as f64 / rate;
        // A picture that cannot be is none.
        let Ok(picture) = picture.picture() else { continue };
        told.extend(health.look(&picture, (at_s * 1e6) as i64).into_iter().map(|news| (at_s, news)));
    }
    told
}

fn faulty(
    name: &str,
    pictures: &[Luma],
    rate: f64,
    (word, fault): (&str, Fault),
    change: impl Fn(usize, &Luma) -> Luma,
) -> anyhow::Result<()> {
    let begins = (BEGINS_S * rate) as usize;
    let mut health = Health::default();
    play(&mut health, pictures[..begins].iter().cloned(), 0.0, rate);
    let after = pictures[begins..].iter().cycle().take((2.0 * WITHIN_S * rate) as usize);
    let changed = after.enumerate().map(|(at, picture)| change(at, picture));
    let told = play(&mut health, changed, BEGINS_S, rate);
    let found = told.iter().find(|(_, news)| news.fault == fault && !news.over);
    let others = told.iter().filter(|(_, news)| news.fault != fault).count();
    let within_s = if fault == Fault::Looped { 2.0 * LOOP_S } else { WITHIN_S };
    let text = match found {
        Some((at_s, news)) => {
            let took_s = at_s - BEGINS_S;
            let verdict = if took_s <= within_s { "met" } else { "missed" };
            format!("told after {took_s:.1} s, {verdict}; {others} others: {}", news.why)
        }
        None => format!("NOT told; {others} others{}", list(&told)),
    };
    Ok(line(format!("  {name} {word}: {text}"))?)
}

fn list(told: &[(f64, News)]) -> String {
    told.iter().map(|(at_s, news)| format!("; {at_s:.1} s: {}", news.why)).collect()
}

/// Of the yard's light, that leaves something to be seen: its darkest parts are black, its brightest are not.
const LEAST_LIGHT: f64 = 0.2;

/// A still yard with much noise, whose light changes: lamps, clouds, dusk, infrared.
fn yard(hours: f64) -> anyhow::Result<()> {
    let (width, height) = (320_usize, 180_usize);
    let mut health = Health::default();
    let (mut told, mut seed) = (Vec::new(), 1_u32);
    let count = (hours * 3600.0 * RATE) as u64;
    for number in 0..count {
        let at_s = number as f64 / RATE;
        let minute = (at_s / 60.0) as u64;
        let lamp = if minute % 7 == 3 { 0.55 } else { 1.0 };
        let cloud = 0.85 + 0.15 * (at_s / 20.0).sin();
        let dusk = 0.65 + 0.35 * (at_s / 600.0).cos();
        // With less there is nothing to be seen, which is told to be so.
        let light = f64::max(lamp * cloud * dusk, LEAST_LIGHT);
        // At night infrared light: flatter, brighter shadows, more noise.
        let (base, gain, noise) = if minute % 20 > 14 { (25.0, 0.6, 9) } else { (0.0, 1.0, 5) };
        let pixels = (0..width * height).map(|at| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (at % width, at / width);
            let hash = (x / 14).wrapping_mul(2_654_435_761) ^ (y / 12).wrapping_mul(40_503);
            let still = 50.0 + (hash % 97) as f64 + ((x * 7 + y * 3) % 16) as f64;
            let noise = f64::from((seed >> 24) as i32 % (2 * noise + 1) - noise);
            (base + gain * light * still + noise).clamp(16.0, 235.0) as u8
        });
        let picture = Luma { width, height, pixels: pixels.collect() }.picture()?;
        told.extend(health.look(&picture, (at_s * 1e6) as i64).into_iter().map(|news| (at_s, news)));
    }
    let verdict = if told.is_empty() { "met" } else { "missed" };
    Ok(line(format!(
        "  {hours} h of a noisy yard whose light changes: {} told, {verdict}{}",
        told.len(),
        list(&told)
    ))?)
}
