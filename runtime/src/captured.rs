//! Messages that travel with a picture beside them.

use cortex_models::Picture;
use cortex_proto::{Message, Topic, v1};
use prost::DecodeError;

use crate::still;

/// A message and its picture. In one process both go by reference; where they must leave it, the picture is
/// encoded into the message as a JPEG.
#[derive(Clone, Debug)]
pub struct WithPicture<M> {
    /// The message; its own `picture` field is empty.
    pub message: M,
    /// The picture; none in a heartbeat.
    pub picture: Option<Picture>,
    /// JPEG quality, 1 to 100, where the picture must leave the process.
    pub quality: u8,
}

/// A frame as ingest publishes it.
pub type Captured = WithPicture<v1::Frame>;

/// A chip as the detector cuts it: RGB, landmarks in its pixels.
pub type CutChip = WithPicture<v1::Chip>;

/// A message with a field for an encoded picture.
pub trait Pictured: Message + Clone {
    /// The field.
    fn encoded(&mut self) -> &mut Vec<u8>;
}

impl Pictured for v1::Frame {
    fn encoded(&mut self) -> &mut Vec<u8> {
        &mut self.picture
    }
}

impl Pictured for v1::Chip {
    fn encoded(&mut self) -> &mut Vec<u8> {
        &mut self.picture
    }
}

impl<M: Pictured> Message for WithPicture<M> {
    const TOPIC: &'static Topic = M::TOPIC;

    fn key(&self) -> &str {
        self.message.key()
    }

    fn slot(&self) -> String {
        self.message.slot()
    }

    fn encode(&self) -> Vec<u8> {
        let mut message = self.message.clone();
        if let Some(picture) = &self.picture {
            *message.encoded() = still::encode(picture, self.quality);
        }
        message.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut message = M::decode(bytes)?;
        let encoded = std::mem::take(message.encoded());
        let picture = if encoded.is_empty() {
            None
        } else {
            let picture = still::decode(&encoded, still::Limits::default());
            // prost has no public way to make an error of one's own; decoding a byte that is no field does.
            Some(picture.map_err(|_| M::decode(&[0x07]).err().expect("wire type 7 does not exist"))?)
        };
        // What was encoded once loses least when it is encoded finely.
        Ok(Self { message, picture, quality: 100 })
    }
}
