//! Named tasks and threads under one cancellation: a failed one cancels the rest, and the exit code says which.

use std::{
    collections::BTreeMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::runtime::Handle;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tracing::{error, info};

use crate::{health::Health, stage::Fatal};

/// Owns everything that runs in a process, and knows how it is.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    runtime: Handle,
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Arc<Running>,
    failure: Arc<Mutex<Option<String>>>,
    health: Health,
}

/// Names of what has not ended.
#[derive(Debug, Default)]
struct Running {
    names: Mutex<BTreeMap<u64, String>>,
    next: AtomicU64,
}

/// Lives as long as a task or thread.
struct Alive {
    running: Arc<Running>,
    id: u64,
    _token: TaskTrackerToken,
}

impl Lifecycle {
    /// Runs tasks on this tokio runtime.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
            running: Arc::default(),
            failure: Arc::default(),
            health: Health::default(),
        }
    }

    /// Cancelled when the process is to end; whoever runs long looks at it.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Where every part says how it is.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs a task. When it fails or panics, everything else is told to stop.
    pub fn spawn<F>(&self, name: &str, task: F)
    where
        F: Future<Output = Result<(), Fatal>> + Send + 'static,
    {
        let (lifecycle, name, alive) = (self.clone(), name.to_owned(), self.alive(name));
        let task = self.runtime.spawn(task);
        drop(self.runtime.spawn(async move {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(fatal)) => lifecycle.fail(&name, &fatal.reason),
                Err(error) if error.is_panic() => lifecycle.fail(&name, PANICKED),
                // The runtime itself is going down.
                Err(_) => {}
            }
            drop(alive);
        }));
    }

    /// Runs a thread of its own. When it fails or panics, everything else is told to stop.
    pub fn thread<F>(&self, name: &str, work: F)
    where
        F: FnOnce() -> Result<(), Fatal> + Send + 'static,
    {
        let (lifecycle, label, alive) = (self.clone(), name.to_owned(), self.alive(name));
        let run = move || {
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(())) => {}
                Ok(Err(fatal)) => lifecycle.fail(&label, &fatal.reason),
                Err(_) => lifecycle.fail(&label, PANICKED),
            }
            drop(alive);
        };
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(run) {
            self.fail(name, &format!("start thread: {error}"));
        }
    }

    /// Tells everything to stop, and why.
    pub fn fail(&self, name: &str, reason: &str) {
        error!(task = name, reason, "task failed, stopping");
        lock(&self.failure).get_or_insert_with(|| format!("{name}: {reason}"));
        self.stop.cancel();
    }

    /// Waits until something asks to stop, then for everything to end, `grace` at most. Whoever has not ended then is
    /// left behind, and ends with the process. The error names the first task that failed, or those left behind.
    ///
    /// # Errors
    /// A task failed, or did not end in time.
    pub async fn ended(&self, grace: Duration) -> Result<(), String> {
        self.stop.cancelled().await;
        info!("stopping");
        self.tracker.close();
        let in_time = tokio::time::timeout(grace, self.tracker.wait()).await.is_ok();
        let stuck: Vec<String> = lock(&self.running.names).values().cloned().collect();
        if !in_time {
            error!(stuck = stuck.join(", "), ?grace, "not everything ended in time");
        }
        match lock(&self.failure).clone() {
            Some(failure) => Err(failure),
            None if in_time => Ok(()),
            None => Err(format!("did not end within {} s: {}", grace.as_secs(), stuck.join(", "))),
        }
    }

    fn alive(&self, name: &str) -> Alive {
        let id = self.running.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.running.names).insert(id, name.to_owned());
        Alive { running: Arc::clone(&self.running), id, _token: self.tracker.token() }
    }
}

const PANICKED: &str = "panicked; the message is above";

impl Drop for Alive {
    fn drop(&mut self) {
        lock(&self.running.names).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
