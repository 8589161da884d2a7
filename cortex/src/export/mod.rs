//! `cortex export`: what the store keeps, as files for analysts, with the published schemas of topic `analytics`.

mod csv;
mod options;
mod output;

use std::{collections::BTreeSet, ops::Range};

use anyhow::bail;
use cortex_analytics::{Anomalies, Detections, Table};
use cortex_proto::v1;
use cortex_runtime::store::Place;
use options::ExportTable;
pub(crate) use options::{Format, Options};
use output::Output;

use crate::{
    config::Config,
    past::{Past, clock},
    print,
};

/// Rows that are gathered before they are written: what is in memory, however long the span.
const GATHERED: usize = 8192;
/// The longest span. A minute in which nothing is stored costs a question to the store all the same.
const LONGEST_US: i64 = 366 * 86_400_000_000;

/// Writes the file, or none.
pub(crate) fn run(config: &Config, options: &Options) -> anyhow::Result<()> {
    if options.from >= options.to {
        bail!(
            "--from {} is not earlier than --to {}: nothing lies between",
            clock(options.from),
            clock(options.to)
        );
    }
    if options.to.saturating_sub(options.from) > LONGEST_US {
        bail!(
            "--from {} to --to {} is longer than 366 days: export a part at a time",
            clock(options.from),
            clock(options.to)
        );
    }
    let span = options.from..options.to;
    let past = Past::open(config, options.store.as_deref())?;
    let cameras = cameras(&past, &options.cameras)?;
    let rows = match options.table {
        ExportTable::Detections => detections(&past, &cameras, span, options)?,
        ExportTable::Anomalies => anomalies(&past, &cameras, span, options)?,
    };
    print::line(&format!("{}: {rows} rows", options.out.display()));
    Ok(())
}

/// The cameras that are meant: those that are named, or every one that the store knows.
fn cameras(past: &Past, named: &[String]) -> anyhow::Result<Vec<Place>> {
    let known = past.places()?;
    if let Some(name) = named.iter().find(|name| !known.iter().any(|place| place.camera == **name)) {
        let ids: Vec<&str> = known.iter().map(|place| place.camera.as_str()).collect();
        bail!("there is no camera `{name}` in the store; there are: {}", ids.join(", "));
    }
    Ok(known.into_iter().filter(|place| named.is_empty() || named.contains(&place.camera)).collect())
}

/// Camera by camera, each in the order of time.
fn detections(past: &Past, cameras: &[Place], span: Range<i64>, options: &Options) -> anyhow::Result<u64> {
    let mut export = Export::<Detections>::begin(options)?;
    for place in cameras {
        past.walk(&place.camera, &span, |seen: v1::Detections| {
            if span.contains(&seen.time_us) { export.take(&place.site, &seen) } else { Ok(()) }
        })?;
    }
    export.finish()
}

/// Site by site, each in the order of time.
fn anomalies(past: &Past, cameras: &[Place], span: Range<i64>, options: &Options) -> anyhow::Result<u64> {
    let mut export = Export::<Anomalies>::begin(options)?;
    let ids: BTreeSet<&str> = cameras.iter().map(|place| place.camera.as_str()).collect();
    for site in cameras.iter().map(|place| place.site.as_str()).collect::<BTreeSet<_>>() {
        past.walk(site, &span, |found: v1::Anomaly| {
            let wanted = span.contains(&found.time_us) && ids.contains(found.camera.as_str());
            if wanted { export.take(site, &found) } else { Ok(()) }
        })?;
    }
    export.finish()
}

/// A file on its way.
struct Export<T> {
    table: T,
    output: Output,
    rows: u64,
}

impl<T: Table> Export<T> {
    fn begin(options: &Options) -> anyhow::Result<Self> {
        let output = Output::begin(options, T::schema())?;
        Ok(Self { table: T::default(), output, rows: 0 })
    }

    fn take(&mut self, site: &str, message: &T::Message) -> anyhow::Result<()> {
        self.table.take(site, message);
        if self.table.rows() < GATHERED { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.rows += self.table.rows() as u64;
        self.output.write(&self.table.finish())
    }

    /// Answers how many rows are in the file.
    fn finish(mut self) -> anyhow::Result<u64> {
        self.write()?;
        self.output.finish()?;
        Ok(self.rows)
    }
}
