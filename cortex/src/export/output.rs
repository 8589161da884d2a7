//! Rows into a file of one of the formats.

use std::{
    io::{self, BufWriter},
    path::PathBuf,
};

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use tempfile::NamedTempFile;

use super::csv::Csv;
use crate::{
    export::{Format, Options},
    whole,
};

/// Rows of a row group: what the writer of Parquet holds in memory, a few megabytes once encoded.
const ROW_GROUP: usize = 65_536;

/// Where rows go.
pub(super) struct Output {
    path: PathBuf,
    force: bool,
    writer: Writer,
}

enum Writer {
    Parquet(Box<ArrowWriter<NamedTempFile>>),
    Arrow(Box<FileWriter<BufWriter<NamedTempFile>>>),
    Csv(Csv<BufWriter<NamedTempFile>>),
}

impl Output {
    pub(super) fn begin(options: &Options, schema: SchemaRef) -> anyhow::Result<Self> {
        let (path, force) = (options.out.clone(), options.force);
        let file = whole::begin(&path, force)?;
        let attempt = || whole::attempt(&path);
        let writer = match options.format {
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .build();
                let writer = ArrowWriter::try_new(file, schema, Some(properties));
                Writer::Parquet(Box::new(writer.with_context(attempt)?))
            }
            Format::Arrow => {
                let writer = FileWriter::try_new_buffered(file, &schema);
                Writer::Arrow(Box::new(writer.with_context(attempt)?))
            }
            Format::Csv => Writer::Csv(Csv::begin(BufWriter::new(file), &schema).with_context(attempt)?),
        };
        Ok(Self { path, force, writer })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        let written = match &mut self.writer {
            Writer::Parquet(writer) => writer.write(rows).map_err(anyhow::Error::from),
            Writer::Arrow(writer) => writer.write(rows).map_err(anyhow::Error::from),
            Writer::Csv(writer) => writer.write(rows).map_err(anyhow::Error::from),
        };
        written.with_context(|| whole::attempt(&self.path))
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { path, force, writer } = self;
        let into_file = || -> anyhow::Result<NamedTempFile> {
            Ok(match writer {
                Writer::Parquet(writer) => writer.into_inner()?,
                Writer::Arrow(writer) => inner((*writer).into_inner()?)?,
                Writer::Csv(writer) => inner(writer.into_inner())?,
            })
        };
        let file = into_file().with_context(|| whole::attempt(&path))?;
        whole::finish(file, &path, force)
    }
}

fn inner(buffered: BufWriter<NamedTempFile>) -> io::Result<NamedTempFile> {
    buffered.into_inner().map_err(io::IntoInnerError::into_error)
}
