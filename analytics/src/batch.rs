//! What topic `analytics` carries.

use arrow_array::RecordBatch;
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use cortex_proto::{Message, Topic, topics};
use prost::DecodeError;

/// The rows of about a second, of all cameras of a partition. As bytes it is a whole Arrow IPC stream: the schema, one
/// record batch and the end, so that every message can be read by itself.
#[derive(Clone, Debug)]
pub struct Batch {
    partition: String,
    rows: RecordBatch,
}

impl Batch {
    /// The rows of a partition.
    pub fn new(partition: u32, rows: RecordBatch) -> Self {
        Self { partition: partition.to_string(), rows }
    }

    /// Its rows.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }
}

impl Message for Batch {
    const TOPIC: &'static Topic = &topics::ANALYTICS;

    /// The partition in decimal; empty once it is decoded, since the bytes do not tell it.
    fn key(&self) -> &str {
        &self.partition
    }

    fn encode(&self) -> Vec<u8> {
        let write = || {
            let mut stream = StreamWriter::try_new(Vec::new(), &self.rows.schema())?;
            stream.write(&self.rows)?;
            stream.into_inner()
        };
        write().expect("flat columns go into memory")
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let rows = StreamReader::try_new(bytes, None).ok().and_then(|mut stream| stream.next()?.ok());
        // prost has no public way to make an error of one's own; decoding a byte that is no field does.
        let broken =
            || <() as prost::Message>::decode([0x07].as_slice()).expect_err("wire type 7 does not exist");
        Ok(Self { partition: String::new(), rows: rows.ok_or_else(broken)? })
    }
}
