//! Which variant of a model is faster on this machine.

use std::time::{Duration, Instant};

use cortex_models::{Manifest, Precision, Task, Tensor};

use super::{Config, Error, Library, Preference, Session};

const RUNS: usize = 5;

/// Times both variants of the object detector on one picture, the least of five runs each, and says which is faster.
/// For set-up only: the answer is then written into the configuration, so that a fleet runs one variant.
pub fn faster(
    library: &Library,
    config: &Config,
    manifest: &Manifest,
) -> Result<(Preference, Vec<(String, Duration)>), Error> {
    let mut timed = Vec::new();
    for (name, model) in manifest.models.iter().filter(|(_, model)| model.task == Task::Objects) {
        let mut session = Session::open(library, config, model)?;
        let picture = Tensor { shape: vec![1, 3, 384, 640], data: vec![114.0; 3 * 384 * 640] };
        let mut least = Duration::MAX;
        for _ in 0..=RUNS {
            let begun = Instant::now();
            session.run(&[(&model.input, &picture)], |_| ())?;
            least = least.min(begun.elapsed());
        }
        timed.push((name.clone(), model.precision, least));
    }
    let winner = timed.iter().min_by_key(|(_, _, least)| *least);
    let preference = match winner {
        Some((_, Precision::Fp, _)) => Preference::Fp,
        _ => Preference::Int8,
    };
    Ok((preference, timed.into_iter().map(|(name, _, least)| (name, least)).collect()))
}
