//! What the command line says of an export.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::past;

/// Moments are like 2026-05-01T22:00:00Z, like "2026-05-01 22:00" (UTC), or like 12.5: seconds from the beginning of
/// recorded footage. It works beside a running system, which it does not disturb. Columns: docs/analytics.md.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// First moment that is written.
    #[arg(long, value_parser = past::moment)]
    pub(crate) from: i64,
    /// First moment that is not, so that spans can follow each other.
    #[arg(long, value_parser = past::moment)]
    pub(crate) to: i64,
    /// Only this camera; can be repeated.
    #[arg(long = "camera")]
    pub(crate) cameras: Vec<String>,
    /// What is written.
    #[arg(long, value_enum, default_value_t = ExportTable::Detections)]
    pub(crate) table: ExportTable,
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub(crate) format: Format,
    /// The file.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Store to read; without it the one of the configuration.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
}

/// What can be exported.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportTable {
    /// A row for each object of each frame.
    Detections,
    /// A row for each thing that a rule found.
    Anomalies,
}

/// Formats of tables.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC file, also known as Feather.
    Arrow,
    /// Text.
    Csv,
}
