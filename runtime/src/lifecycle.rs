//! Named tasks and threads under one cancellation: a failed one cancels the rest, and the exit code says which.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::stage::Fatal;

/// Threads by name.
type Threads = Vec<(String, JoinHandle<()>)>;

/// Owns everything that runs in a process.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    runtime: Handle,
    stop: CancellationToken,
    tasks: TaskTracker,
    threads: Arc<Mutex<Threads>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Lifecycle {
    /// Runs tasks on this tokio runtime.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            threads: Arc::default(),
            failure: Arc::default(),
        }
    }

    /// Cancelled when the process is to end; whoever runs long looks at it.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task. When it fails, everything else is told to stop.
    pub fn spawn<F>(&self, name: &str, task: F)
    where
        F: Future<Output = Result<(), Fatal>> + Send + 'static,
    {
        let (lifecycle, name) = (self.clone(), name.to_owned());
        let task = self.tasks.track_future(async move {
            if let Err(fatal) = task.await {
                lifecycle.fail(&name, &fatal.reason);
            }
        });
        drop(self.runtime.spawn(task));
    }

    /// Runs a thread of its own. When it fails or panics, everything else is told to stop.
    pub fn thread<F>(&self, name: &str, work: F)
    where
        F: FnOnce() -> Result<(), Fatal> + Send + 'static,
    {
        let (lifecycle, label) = (self.clone(), name.to_owned());
        let run = move || match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            Ok(Ok(())) => {}
            Ok(Err(fatal)) => lifecycle.fail(&label, &fatal.reason),
            Err(_) => lifecycle.fail(&label, "panicked; the message is above"),
        };
        match thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(handle) => self.lock_threads().push((name.to_owned(), handle)),
            Err(error) => self.fail(name, &format!("start thread: {error}")),
        }
    }

    /// Tells everything to stop, and why.
    pub fn fail(&self, name: &str, reason: &str) {
        error!(task = name, reason, "task failed, stopping");
        let mut failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failure.get_or_insert_with(|| format!("{name}: {reason}"));
        self.stop.cancel();
    }

    /// Waits until something asks to stop, then for everything to end, `grace` at most. The error names the first
    /// task that failed, or one that did not end in time.
    pub async fn ended(&self, grace: Duration) -> Result<(), String> {
        self.stop.cancelled().await;
        info!("stopping");
        self.tasks.close();
        let threads = self.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let handles = std::mem::take(&mut *threads.lock_threads());
            for (_, handle) in handles {
                handle.join().unwrap_or_default();
            }
        });
        let all = async {
            self.tasks.wait().await;
            joined.await.unwrap_or_default();
        };
        let in_time = tokio::time::timeout(grace, all).await.is_ok();
        let failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match failure {
            Some(failure) => Err(failure),
            None if in_time => Ok(()),
            None => {
                warn!(?grace, "not everything ended in time");
                Err("not everything ended in the grace period".to_owned())
            }
        }
    }

    fn lock_threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
