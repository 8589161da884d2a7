//! A file that is there whole or not at all.

use std::{
    fs::Permissions,
    io::{self, BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use tempfile::{Builder, NamedTempFile};

use super::csv::Csv;
use crate::cli::{self, Format};

/// Rows of a row group: what the writer of Parquet holds in memory, a few megabytes once encoded.
const ROW_GROUP: usize = 65_536;
/// What a new file may be for whom, before the user's own mask.
const MODE: u32 = 0o666;

/// Where rows go. The file has a name of its own beside the wanted one until it is whole, and is removed when it is not.
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
    pub(super) fn begin(options: &cli::Export, schema: SchemaRef) -> anyhow::Result<Self> {
        let (path, force) = (options.out.clone(), options.force);
        if !force && path.symlink_metadata().is_ok() {
            bail!(taken(&path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = Builder::new()
            .prefix(".cortex-export-")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder.unwrap_or_else(|| Path::new(".")));
        let attempt = || format!("write {}", path.display());
        let file = file.with_context(attempt)?;
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
        written.with_context(|| format!("write {}", self.path.display()))
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { path, force, writer } = self;
        let whole = || -> anyhow::Result<NamedTempFile> {
            let mut file = match writer {
                Writer::Parquet(writer) => writer.into_inner()?,
                Writer::Arrow(writer) => inner((*writer).into_inner()?)?,
                Writer::Csv(writer) => inner(writer.into_inner())?,
            };
            file.flush()?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = whole().with_context(|| format!("write {}", path.display()))?;
        let named = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        named.map(drop).map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => anyhow!(taken(&path)),
            _ => anyhow!(failed.error).context(format!("write {}", path.display())),
        })
    }
}

fn inner(buffered: BufWriter<NamedTempFile>) -> io::Result<NamedTempFile> {
    buffered.into_inner().map_err(io::IntoInnerError::into_error)
}

fn taken(path: &Path) -> String {
    format!("{} is there already: choose another name, or replace it with `--force`", path.display())
}
