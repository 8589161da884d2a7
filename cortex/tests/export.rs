//! What is stored of footage comes out as files that pyarrow, polars and DuckDB read alike, whole or not at all.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use cortex_runtime::store::{Retention, Scan, Sqlite, Store as _, StoredRow, table};
use serde_json::json;
use support::readers::python;

/// Reads each format with each library that knows it, and compares them value by value.
const SAME: &str = r#"
import json, duckdb, polars as pl, pyarrow as pa, pyarrow.csv, pyarrow.ipc, pyarrow.parquet

parquet = pa.parquet.read_table("all.parquet")
arrow = pa.ipc.open_file("all.arrow").read_all()
assert arrow.schema.metadata[b"cortex.schema"] == parquet.schema.metadata[b"cortex.schema"] == b"cortex.analytics.v1"
assert arrow.equals(parquet), "arrow and parquet"
polars = pl.read_parquet("all.parquet")
assert polars.equals(pl.read_ipc("all.arrow")), "polars"
assert str(polars.schema["time"]) == "Datetime(time_unit='us', time_zone='UTC')"

text = pa.csv.read_csv("all.csv", convert_options=pa.csv.ConvertOptions(
    column_types=parquet.schema, strings_can_be_null=True))
assert text.cast(parquet.schema).equals(parquet), "csv"
assert pl.read_csv("all.csv", schema_overrides={"track": pl.UInt64}).height == polars.height

count = lambda source: duckdb.sql(f"SELECT count(*), count(DISTINCT track), max(x2 - x1) FROM {source}").fetchall()[0]
assert count("'all.parquet'") == count("arrow"), "duckdb"
assert count("'all.csv'")[:2] == count("arrow")[:2], "duckdb and csv"
halves = pl.concat([pl.read_parquet("first.parquet"), pl.read_parquet("second.parquet")])
assert halves.equals(polars), "spans that follow each other"
assert pa.parquet.read_table("nothing.parquet").schema.equals(parquet.schema), "a file without rows"

anomalies = duckdb.sql("SELECT count(*) FROM 'anomalies.parquet'").fetchall()[0][0]
states = sorted(polars["state"].unique())
print(json.dumps({"rows": polars.height, "first": polars["seq"][0], "anomalies": anomalies, "states": states}))
"#;

/// Runs a command and prints the most memory it had, in KiB.
const PEAK: &str = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
/// So many times the rows must not take more memory than this besides, in KiB; held at once they would take 115 MiB.
const TIMES: u32 = 300;
const BESIDES: u64 = 32 * 1024;

struct Footage {
    folder: tempfile::TempDir,
    config: std::path::PathBuf,
}

impl Footage {
    /// The first pictures of the demonstration clip, analysed.
    fn analysed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cortex.toml");
        fs::write(&config, "[[rules]]\nid = 'many'\nkind = 'crowd'\ncount = 2\nseconds = 0.5\n").unwrap();
        support::short(folder.path(), 60);
        let footage = Self { folder, config };
        let analyze = ["analyze", "short.mp4", "--out", "out", "--store", "store.sqlite", "--quiet"];
        done(footage.cortex(&[analyze.as_slice(), &["--every", "3"]].concat()));
        footage
    }

    fn cortex(&self, arguments: &[&str]) -> Output {
        let mut command = support::command(&self.config, &self.folder.path().join("data"));
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    fn export(&self, span: [&str; 2], out: &str, more: &[&str]) -> Output {
        let fixed = ["export", "--store", "store.sqlite", "--from", span[0], "--to", span[1], "--out", out];
        self.cortex(&[&fixed, more].concat())
    }

    /// The most memory that an export took, in KiB.
    fn peak(&self, out: &str) -> u64 {
        let cortex = support::command(&self.config, &self.folder.path().join("data"));
        let mut python = Command::new("python3");
        python.args(["-c", PEAK]).arg(cortex.get_program()).args(cortex.get_args());
        python.args(["export", "--store", "store.sqlite", "--from", "0", "--to", "60", "--format", "arrow"]);
        python.args(["--out", out]).current_dir(self.folder.path());
        let envs = cortex.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let output = done(python.envs(envs).output().unwrap());
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.folder.path().join("out").join(name)).unwrap().lines().count()
    }
}

fn done(output: Output) -> Output {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What a refusal says.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).trim_start_matches("cortex: ").trim_end().to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_store_is_read_by_what_analysts_use() {
    let footage = Footage::analysed();
    let all = ["0", "60"];
    for format in ["parquet", "arrow", "csv"] {
        done(footage.export(all, &format!("all.{format}"), &["--format", format]));
    }
    done(footage.export(["0", "2.5"], "first.parquet", &["--camera", "short"]));
    done(footage.export(["2.5", "60"], "second.parquet", &[]));
    done(footage.export(["2026-05-01 08:00", "2026-05-01 09:00"], "nothing.parquet", &[]));
    done(footage.export(all, "anomalies.parquet", &["--table", "anomalies"]));
    let read = python(footage.folder.path(), SAME);
    let expected = json!({
        "rows": footage.lines("detections.ndjson"), "first": 0, "anomalies": footage.lines("anomalies.ndjson"),
        "states": ["carried", "detected", "hidden"],
    });
    assert_eq!(read, expected);
    assert!(footage.lines("anomalies.ndjson") > 0);

    let before = (names(footage.folder.path()), fs::read(footage.folder.path().join("all.csv")).unwrap());
    let taken = refused(&footage.export(["0", "1"], "all.csv", &["--format", "csv"]));
    assert_eq!(taken, "all.csv is there already: choose another name, or replace it with `--force`");
    let backwards = refused(&footage.export(["9", "3"], "none.parquet", &[]));
    assert_eq!(backwards, "--from 9.000 s is not earlier than --to 3.000 s: nothing lies between");
    let long = refused(&footage.export(["1999-01-01 00:00", "2001-01-01 00:00"], "none.parquet", &[]));
    assert!(long.ends_with("is longer than 366 days: export a part at a time"), "{long}");
    let unknown = refused(&footage.export(all, "none.parquet", &["--camera", "yard"]));
    assert_eq!(unknown, "there is no camera `yard` in the store; there are: short");
    assert!(
        refused(&footage.export(all, "no/folder/file.parquet", &[]))
            .starts_with("write no/folder/file.parquet")
    );
    let after = (names(footage.folder.path()), fs::read(footage.folder.path().join("all.csv")).unwrap());
    assert!(before == after, "what fails leaves everything as it was");
    done(footage.export(["0", "1"], "all.csv", &["--format", "csv", "--force"]));
    assert!(fs::read(footage.folder.path().join("all.csv")).unwrap().len() < before.1.len());
}

#[test]
fn memory_does_not_grow_with_the_span() {
    let footage = Footage::analysed();
    let few = footage.peak("few.arrow");
    let week = Duration::from_secs(604_800);
    let retention = Retention { events: week, detections: week, stills: week, budget: u64::MAX };
    let store = Sqlite::open(Some(&footage.folder.path().join("store.sqlite")), retention).unwrap();
    let rows = store.scan(&Scan::table(&table::DETECTIONS)).unwrap();
    for copy in 1..TIMES {
        let beside =
            |row: &StoredRow| StoredRow { sort: [&*row.sort, &copy.to_be_bytes()].concat(), ..row.clone() };
        store.write(&rows.iter().map(beside).collect::<Vec<_>>()).unwrap();
    }
    drop(store);
    let many = footage.peak("many.arrow");
    let bytes = |name: &str| fs::metadata(footage.folder.path().join(name)).unwrap().len();
    assert!(bytes("many.arrow") > 200 * bytes("few.arrow"), "all of it was written");
    assert!(many < few + BESIDES, "{few} KiB for the few, {many} KiB for the many");
}
