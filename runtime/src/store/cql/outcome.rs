//! What a conditional write answered. Servers differ in which columns they send, so these are found by name.

use scylla::{
    response::query_result::QueryResult,
    value::{CqlValue, Row},
};

use super::failure::Failed;
use crate::store::Error;

/// Whether it was written, and else what is there.
pub(super) struct Outcome {
    pub(super) applied: bool,
    there: Vec<(String, CqlValue)>,
}

impl Outcome {
    pub(super) fn read(attempt: &'static str, result: QueryResult) -> Result<Self, Error> {
        let rows = result.into_rows_result().failed(attempt)?;
        let names: Vec<String> = rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
        let row: Row = rows.first_row().failed(attempt)?;
        let there: Vec<(String, CqlValue)> =
            names.into_iter().zip(row.columns).filter_map(|(name, value)| Some((name, value?))).collect();
        let mut outcome = Self { applied: false, there };
        outcome.applied = outcome.flag("[applied]");
        Ok(outcome)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.find(name), Some(CqlValue::Boolean(true)))
    }

    /// The value that is there.
    pub(super) fn body(&self) -> Option<&[u8]> {
        match self.find("body") {
            Some(CqlValue::Blob(body)) => Some(body),
            // How drivers show a value of no bytes.
            Some(CqlValue::Empty) => Some(&[]),
            _ => None,
        }
    }

    fn find(&self, name: &str) -> Option<&CqlValue> {
        self.there.iter().find(|(column, _)| column == name).map(|(_, value)| value)
    }
}
