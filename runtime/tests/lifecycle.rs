//! Whatever fails ends the process, with its name; whatever is stuck does not hold the exit up, and is named too.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{sync::mpsc, time::Duration};

use cortex_runtime::Lifecycle;
use tokio::runtime::Handle;

const GRACE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_panics_ends_everything() {
    let lifecycle = Lifecycle::new(Handle::current());
    let stop = lifecycle.stop();
    lifecycle.spawn("other", async move {
        stop.cancelled().await;
        Ok(())
    });
    lifecycle.spawn("guilty", async { panic!("as the story wants") });
    let error = lifecycle.ended(GRACE).await.unwrap_err();
    assert!(error.starts_with("guilty: panicked"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_thread_is_named_and_left_behind() {
    let lifecycle = Lifecycle::new(Handle::current());
    let (release, stuck) = mpsc::channel::<()>();
    lifecycle.thread("stuck", move || {
        stuck.recv().unwrap_or_default();
        Ok(())
    });
    lifecycle.thread("good", || Ok(()));
    lifecycle.stop().cancel();
    // The good one may still be on its way out when no grace is given at all.
    let error = lifecycle.ended(Duration::ZERO).await.unwrap_err();
    assert!(error.contains("stuck"), "{error}");
    drop(release);
    assert_eq!(lifecycle.ended(GRACE).await, Ok(()), "once it ends, everything has");
}
