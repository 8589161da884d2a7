//! Metrics go to a collector when one is configured. A file of its own, because a process has one set of instruments.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use cortex_runtime::telemetry::Telemetry;

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_last_metrics_at_shutdown() {
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", collector.local_addr().unwrap());
    let telemetry = Telemetry::measure(&address, "cortex").unwrap();
    // A collector that hangs up: that must neither panic nor block, and is an error.
    let called = std::thread::spawn(move || collector.accept().is_ok());
    let sent = tokio::task::spawn_blocking(move || telemetry.shutdown()).await.unwrap();
    assert!(called.join().unwrap(), "nobody called the collector");
    assert!(sent.is_err());
    assert!(Telemetry::measure("no address", "cortex").is_err());
}
