//! What the runner counts for every stage, so that no stage counts it again.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};

/// The runner's instruments, labelled with the stage.
pub struct StageMetrics {
    label: [KeyValue; 1],
    received: Counter<u64>,
    emitted: Counter<u64>,
    dropped: Counter<u64>,
    poisoned: Counter<u64>,
    retries: Counter<u64>,
    batch: Histogram<u64>,
    process: Histogram<f64>,
    sinks: Histogram<f64>,
    lag: Gauge<u64>,
    age: Histogram<f64>,
}

/// From a millisecond to ten seconds.
const SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

impl StageMetrics {
    /// The instruments of one stage.
    pub fn new(stage: &'static str) -> Self {
        let meter = global::meter("cortex");
        let seconds = |name: &'static str, what: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            label: [KeyValue::new("stage", stage)],
            received: meter
                .u64_counter("cortex.stage.received")
                .with_description("inputs taken from the bus")
                .build(),
            emitted: meter.u64_counter("cortex.stage.emitted").with_description("messages published").build(),
            dropped: meter
                .u64_counter("cortex.stage.dropped")
                .with_description("inputs left out, by reason")
                .build(),
            poisoned: meter
                .u64_counter("cortex.stage.poisoned")
                .with_description("inputs sent to the dead letters")
                .build(),
            retries: meter
                .u64_counter("cortex.stage.retries")
                .with_description("times a sink was tried again")
                .build(),
            batch: meter
                .u64_histogram("cortex.stage.batch.size")
                .with_description("inputs of a batch")
                .with_boundaries(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
                .build(),
            process: seconds("cortex.stage.process.duration", "from taking a batch to having applied it"),
            sinks: seconds("cortex.stage.sinks.duration", "time that carrying out what a stage said took"),
            lag: meter
                .u64_gauge("cortex.stage.lag")
                .with_description("messages waiting for a worker of the stage")
                .build(),
            age: seconds(
                "cortex.frame.age",
                "from ingest having a frame in hand to the stage being done with it",
            ),
        }
    }

    /// Inputs were taken from the bus.
    pub fn received(&self, count: u64) {
        self.received.add(count, &self.label);
    }

    /// Messages were published.
    pub fn emitted(&self, count: u64) {
        self.emitted.add(count, &self.label);
    }

    /// Inputs, or what follows from them, were left out. `reason` is one word of a small set: it is a label.
    pub fn dropped(&self, reason: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        let [stage] = &self.label;
        self.dropped.add(count, &[stage.clone(), KeyValue::new("reason", reason)]);
    }

    /// An input went to the dead letters.
    pub fn poisoned(&self) {
        self.poisoned.add(1, &self.label);
    }

    /// A sink is tried again.
    pub fn retried(&self) {
        self.retries.add(1, &self.label);
    }

    /// A batch was inferred and applied.
    pub fn batch(&self, size: u64, took: Duration) {
        self.batch.record(size, &self.label);
        self.process.record(took.as_secs_f64(), &self.label);
    }

    /// Sinks took this long.
    pub fn sinks(&self, took: Duration) {
        self.sinks.record(took.as_secs_f64(), &self.label);
    }

    /// So many messages wait for one of the stage's workers: they share the instrument, and none may hide another.
    pub fn lag(&self, worker: &str, messages: u64) {
        let [stage] = &self.label;
        self.lag.record(messages, &[stage.clone(), KeyValue::new("worker", worker.to_owned())]);
    }

    /// The stage is done with a frame that ingest had this long ago.
    pub fn age(&self, age: Duration) {
        self.age.record(age.as_secs_f64(), &self.label);
    }
}
