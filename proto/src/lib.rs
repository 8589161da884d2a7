//! What flows between stages and to the outside: the messages and services of `cortex.v1`, generated from
//! `cortex/v1/*.proto`, and THE table of topics.

pub mod topics;

mod clip;
mod message;

/// Messages and gRPC services, generated. The protobuf files document every field.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("cortex.v1");
}

pub use message::{Message, epoch, epoch_term};
pub use topics::Topic;

/// The descriptors of every protobuf file, for reflection and for tests of the schema.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
