//! Which variant of a model is taken on this machine: measured once, then pinned in a file, so that every later start
//! gives the same answers.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cortex_models::{Manifest, Precision, Task, Tensor};
use cortex_runtime::config::home;
use tracing::{info, warn};

use crate::{Config, Error, Library, Preference, Session, manifest};

/// Runs of each variant; the least time counts.
const RUNS: u32 = 5;

/// Floating point must be faster by this factor: what two runs differ by on a busy machine decides nothing.
const CLEARLY: f64 = 1.1;

/// How long a variant takes for one picture.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The model's name.
    pub name: String,
    /// Its arithmetic.
    pub precision: Precision,
    /// The least time of five runs.
    pub least: Duration,
}

/// Measures and pins, when the configuration leaves the choice open and nothing is pinned yet. For the start of a
/// process that watches cameras; what works on recorded footage takes what is pinned and never measures.
pub fn pin(library: &Library, config: &Config) -> Result<(), Error> {
    let place = place();
    if config.precision != Preference::Auto || pinned(&place).is_some() {
        return Ok(());
    }
    let timed = measure(library, config, &manifest(config)?)?;
    let precision = faster(&timed);
    info!(?precision, place = %place.display(), "variant of the models measured and pinned");
    if let Err(error) = write(&place, precision) {
        warn!(%error, place = %place.display(), "variant of the models not pinned, taking int8");
    }
    Ok(())
}

/// Times every variant of the object detector on one picture.
pub fn measure(library: &Library, config: &Config, manifest: &Manifest) -> Result<Vec<Timed>, Error> {
    let mut timed = Vec::new();
    for (name, model) in manifest.models.iter().filter(|(_, model)| model.task == Task::Objects) {
        let mut session = Session::open(library, config, model)?;
        let (width, height) = if model.size == (0, 0) { (640, 384) } else { model.size };
        let picture = Tensor { shape: vec![1, 3, height, width], data: vec![114.0; 3 * width * height] };
        let size = model.size_input(width, height);
        let mut inputs = vec![(model.input.as_str(), &picture)];
        inputs.extend(size.iter().map(|(name, size)| (*name, size)));
        let mut least = Duration::MAX;
        for _ in 0..=RUNS {
            let begun = Instant::now();
            session.run(&inputs, |_| ())?;
            least = least.min(begun.elapsed());
        }
        timed.push(Timed { name: name.clone(), precision: model.precision, least });
    }
    Ok(timed)
}

/// Where it is pinned: one word, `int8` or `fp`. Removing the file has it measured again.
pub(crate) fn place() -> PathBuf {
    home().join("precision")
}

/// What is pinned.
pub(crate) fn pinned(place: &Path) -> Option<Precision> {
    match fs::read_to_string(place).ok()?.trim() {
        "int8" => Some(Precision::Int8),
        "fp" => Some(Precision::Fp),
        other => {
            warn!(place = %place.display(), word = other, "neither int8 nor fp is pinned");
            None
        }
    }
}

fn write(place: &Path, precision: Precision) -> io::Result<()> {
    let word = match precision {
        Precision::Int8 => "int8\n",
        Precision::Fp => "fp\n",
    };
    fs::create_dir_all(place.parent().unwrap_or(place))?;
    // Whole or not at all, whoever starts at the same time.
    let part = place.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, word)?;
    fs::rename(part, place)
}

fn faster(timed: &[Timed]) -> Precision {
    let least = |precision| timed.iter().filter(|one| one.precision == precision).map(|one| one.least).min();
    match (least(Precision::Int8), least(Precision::Fp)) {
        (Some(int8), Some(fp)) if fp.mul_f64(CLEARLY) > int8 => Precision::Int8,
        (Some(_), None) => Precision::Int8,
        _ => Precision::Fp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_is_pinned_and_found_again() {
        let timed = |int8: u64, fp: u64| {
            [(Precision::Int8, int8), (Precision::Fp, fp)].map(|(precision, ms)| Timed {
                name: String::new(),
                precision,
                least: Duration::from_millis(ms),
            })
        };
        assert_eq!(faster(&timed(20, 30)), Precision::Int8);
        assert_eq!(faster(&timed(20, 19)), Precision::Int8, "not clearly");
        assert_eq!(faster(&timed(20, 5)), Precision::Fp, "a GPU");
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("home/precision");
        assert_eq!(pinned(&place), None);
        write(&place, faster(&timed(20, 5))).unwrap();
        assert_eq!(pinned(&place), Some(Precision::Fp));
        fs::write(&place, "both").unwrap();
        assert_eq!(pinned(&place), None);
    }

    #[test]
    fn what_the_configuration_says_is_taken() {
        let manifest = Manifest::shipped();
        let pick = |precision| {
            crate::pick(&Config { precision, ..Config::default() }, &manifest, Task::Objects).unwrap()
        };
        assert_eq!(pick(Preference::Fp), "object_nanodet_g");
        assert_eq!(pick(Preference::Int8), "object_nanodet_g_int8");
    }
}
