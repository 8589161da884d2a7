//! Follows the configuration file while the process runs.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tracing::{info, warn};

use super::Errors;
use crate::lifecycle::Lifecycle;

/// How often the file is looked at. Polling works on every file system, mounted config maps included.
const EVERY: Duration = Duration::from_secs(1);

/// What tells a changed file: when it was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// A file and what it looked like last.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    stamp: Stamp,
}

/// Calls `load` whenever the file has changed, and `apply` with what it gives. A file that is wrong or gone changes
/// nothing: what was in force stays, and the log says what is wrong.
pub fn watch<T, L, A>(lifecycle: &Lifecycle, path: &Path, load: L, mut apply: A)
where
    T: Send + 'static,
    L: Fn(&Path) -> Result<T, Errors> + Send + 'static,
    A: FnMut(T) + Send + 'static,
{
    let mut watched = Watched::new(path);
    let stop = lifecycle.stop();
    lifecycle.spawn("config", async move {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if watched.changed() {
                take(&watched.path, &load, &mut apply);
            }
        }
        Ok(())
    });
}

fn take<T>(path: &Path, load: impl Fn(&Path) -> Result<T, Errors>, apply: &mut impl FnMut(T)) {
    match load(path) {
        Ok(value) => {
            info!(file = %path.display(), "configuration file changed");
            apply(value);
        }
        Err(errors) => {
            for problem in errors.iter() {
                warn!(%problem, "configuration file changed and is wrong, keeping what was in force");
            }
        }
    }
}

impl Watched {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), stamp: stamp(path) }
    }

    fn changed(&mut self) -> bool {
        let now = stamp(&self.path);
        let changed = now != self.stamp;
        self.stamp = now;
        changed
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    #[test]
    fn a_change_is_taken_over_and_a_wrong_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cortex.toml");
        std::fs::write(&path, "1").unwrap();
        let mut watched = Watched::new(&path);
        assert!(!watched.changed());

        let mut in_force = "1".to_owned();
        let load = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.parse::<u32>()
                .map(|_| text)
                .map_err(|_| Errors::from(vec![Problem::of_file(path, "is wrong")]))
        };
        for (text, expected) in [("20", "20"), ("wrong", "20"), ("3000", "3000")] {
            std::fs::write(&path, text).unwrap();
            assert!(watched.changed());
            take(&path, load, &mut |value| in_force = value);
            assert_eq!(in_force, expected);
        }
        assert!(!watched.changed());
    }
}
