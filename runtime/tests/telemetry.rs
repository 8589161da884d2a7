//! What a stage counts is what Prometheus reads, under the names that everyone knows.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::time::Duration;

use cortex_runtime::{
    config,
    telemetry::{StageMetrics, Telemetry},
};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_the_names_of_the_design_and_no_camera() {
    let config = config::Telemetry { log: "warn".to_owned(), ..config::Telemetry::default() };
    let telemetry = Telemetry::start(&config, "cortex").unwrap();
    assert!(Telemetry::start(&config, "cortex").is_err(), "logging begins once");
    let telemetry_of_a_test = Telemetry::measure("", "cortex").unwrap();

    let metrics = StageMetrics::new("detector");
    metrics.received(3);
    metrics.emitted(2);
    metrics.dropped("late", 4);
    metrics.poisoned();
    metrics.retried();
    metrics.batch(2, Duration::from_millis(38));
    metrics.sinks(Duration::from_millis(1));
    metrics.lag("0", 7);
    metrics.lag("1", 5);
    metrics.age(Duration::from_millis(60));

    let text = telemetry_of_a_test.metrics().unwrap();
    for name in [
        "cortex_stage_received_total",
        "cortex_stage_emitted_total",
        "cortex_stage_dropped_total",
        "cortex_stage_poisoned_total",
        "cortex_stage_retries_total",
        "cortex_stage_batch_size_bucket",
        "cortex_stage_process_duration_seconds_bucket",
        "cortex_stage_sinks_duration_seconds_bucket",
        "cortex_stage_lag",
        "cortex_frame_age_seconds_bucket",
        "cortex_build_info",
    ] {
        let found = text.lines().any(|line| line.starts_with(name));
        assert!(found, "{name} is not among\n{text}");
    }
    assert!(text.contains("reason=\"late\"") && text.contains("stage=\"detector\""), "{text}");
    let of = |worker: &str| text.lines().find(|line| line.contains(&format!("worker=\"{worker}\""))).unwrap();
    assert!(of("0").ends_with(" 7") && of("1").ends_with(" 5"), "workers are told apart: {text}");
    assert!(!text.contains("camera"), "{text}");
    for telemetry in [telemetry, telemetry_of_a_test] {
        tokio::task::spawn_blocking(move || telemetry.shutdown()).await.unwrap().unwrap();
    }
}
