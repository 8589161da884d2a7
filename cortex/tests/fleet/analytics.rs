//! What a detector publishes for readers outside is what the store keeps, and both are read as the README says.
//!
//!     somebody stands ── a second of it on the topic ── the same second exported from the database ── README.md

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    time::Instant,
};

use arrow_array::{
    Array as _,
    cast::AsArray as _,
    types::{TimestampMicrosecondType, UInt64Type},
};
use cortex_analytics::Batch;
use cortex_camera::{Camera, CameraOptions};
use cortex_proto::topics;
use cortex_runtime::bus::{Bus as _, From, Record, Take};

use crate::support::{self, Cortex, LIMIT, dwell::config, fleet::Fleet, readers};

/// The README's code, then what it must have read.
const CHECK: &str = r#"
import json
live = pl.read_ipc_stream(message)
assert second.schema.metadata[b"cortex.schema"] == b"cortex.analytics.v1"
assert live.equals(pl.read_parquet("hour.parquet")), "the topic and the store"
assert second.equals(hour), "the same by pyarrow"
rows = [duckdb.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0] for source in ("second", "'hour.parquet'")]
print(json.dumps({"rows": [second.num_rows, live.height, *rows], "classes": sorted(live["class"].unique())}))
"#;

/// The first message in which somebody has a track.
fn tracked(fleet: &Fleet, start: impl FnOnce()) -> (Record, Batch) {
    let mut tail = fleet.bus().tail(&[&topics::ANALYTICS], From::End).unwrap();
    start();
    let until = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < until, "a second of analytics comes");
        for record in tail.next(Take { count: 16, wait: LIMIT }).unwrap() {
            let batch = record.message::<Batch>().unwrap();
            let tracks = batch.rows().column_by_name("track").unwrap().as_primitive::<UInt64Type>().clone();
            if tracks.null_count() < tracks.len() {
                return (record, Batch::clone(&batch));
            }
        }
    }
}

#[test]
fn the_topic_and_the_store_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Camera::start(CameraOptions::new(support::somebody_stands(folder.path()))).unwrap();
    let file = config(folder.path(), &camera);
    OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap()
        .write_all(b"[detector]\nanalytics = true\n")
        .unwrap();
    let fleet = Fleet::new(file, folder.path());
    let mut stages = Vec::new();
    let start = || stages.extend(["alerter", "detector", "ingest"].map(|stage| fleet.start(stage, stage)));
    let (record, batch) = tracked(&fleet, start);
    assert!(stages.into_iter().all(Cortex::terminate), "what was seen is stored when the detector has ended");
    assert_eq!(*record.key, *record.partition.to_string());

    let times = batch.rows().column_by_name("time").unwrap();
    let times = times.as_primitive::<TimestampMicrosecondType>().values();
    let moment = |time_us| {
        let time = chrono::DateTime::from_timestamp_micros(time_us).unwrap();
        time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    };
    let span = (moment(*times.first().unwrap()), moment(times.last().unwrap() + 1));
    let hour = folder.path().join("hour.parquet");
    let exported = fleet
        .command("export")
        .args(["export", "--from", &span.0, "--to", &span.1, "--out"])
        .arg(&hour)
        .status();
    assert!(exported.unwrap().success());
    fs::write(folder.path().join("message"), record.body.bytes()).unwrap();
    let read = readers::python(folder.path(), &format!("{}{CHECK}", readers::readme()));
    assert_eq!(read["rows"], serde_json::json!(vec![batch.rows().num_rows(); 4]));
    assert!(read["classes"].as_array().unwrap().contains(&"person".into()), "{read}");
}
