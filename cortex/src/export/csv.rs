//! Rows as text, RFC 4180: a line of names, then a line for each row; nothing where there is no value, times as in RFC 3339.
//! The tables have six kinds of column, for which a crate of its own would bring a dozen others.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray as _,
    types::{Float32Type, TimestampMicrosecondType, UInt32Type, UInt64Type},
};
use arrow_schema::{DataType, Schema};
use chrono::{DateTime, SecondsFormat};

pub(super) struct Csv<W> {
    output: W,
    line: String,
}

impl<W: Write> Csv<W> {
    pub(super) fn begin(mut output: W, schema: &Schema) -> io::Result<Self> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        writeln!(output, "{}", names.join(","))?;
        Ok(Self { output, line: String::new() })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> io::Result<()> {
        for row in 0..rows.num_rows() {
            self.line.clear();
            for (column, values) in rows.columns().iter().enumerate() {
                if column > 0 {
                    self.line.push(',');
                }
                if values.is_valid(row) {
                    self.value(values, row);
                }
            }
            writeln!(self.output, "{}", self.line)?;
        }
        Ok(())
    }

    pub(super) fn into_inner(self) -> W {
        self.output
    }

    fn value(&mut self, values: &dyn Array, row: usize) {
        let line = &mut self.line;
        let written = match values.data_type() {
            DataType::Utf8 => {
                let text = values.as_string::<i32>().value(row);
                if text.contains([',', '"', '\r', '\n']) {
                    write!(line, "\"{}\"", text.replace('"', "\"\""))
                } else {
                    write!(line, "{text}")
                }
            }
            // With a point always, or readers that guess take a column that begins with 0 for whole numbers.
            DataType::Float32 => write!(line, "{:?}", values.as_primitive::<Float32Type>().value(row)),
            DataType::UInt64 => write!(line, "{}", values.as_primitive::<UInt64Type>().value(row)),
            DataType::UInt32 => write!(line, "{}", values.as_primitive::<UInt32Type>().value(row)),
            DataType::Boolean => write!(line, "{}", values.as_boolean().value(row)),
            DataType::Timestamp(..) => {
                let time_us = values.as_primitive::<TimestampMicrosecondType>().value(row);
                let time = DateTime::from_timestamp_micros(time_us).unwrap_or_default();
                write!(line, "{}", time.to_rfc3339_opts(SecondsFormat::Micros, true))
            }
            other => unreachable!("no published column is {other}"),
        };
        written.expect("text grows in memory");
    }
}
