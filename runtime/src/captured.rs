//! Messages that travel with a picture beside them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use cortex_models::Picture;
use cortex_proto::{Message, Topic, v1};
use prost::DecodeError;
use tracing::warn;

use crate::still;

/// Largest encoded picture in bytes, as the schema of frames says.
pub(crate) const LARGEST: usize = 2 << 20;

/// Cameras with larger pictures. Each is told of once: it has many.
static LARGE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A message and its picture. In one process both go by reference; where they must leave it, the picture is
/// encoded into the message as a JPEG.
#[derive(Clone, Debug)]
pub struct WithPicture<M> {
    /// The message; its own `picture` field is empty.
    pub message: M,
    /// The picture; none in a heartbeat.
    pub picture: Option<Picture>,
    /// JPEG quality, 1 to 100, where the picture must leave the process; less where it would be larger than 2 MiB.
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

impl<M: Pictured> WithPicture<M> {
    /// A picture that is too large would not be sent at all, and its camera would be blind.
    fn jpeg(&self, picture: &Picture) -> Vec<u8> {
        let mut quality = self.quality;
        let mut jpeg = still::encode(picture, quality);
        while jpeg.len() > LARGEST && quality > 1 {
            quality -= quality.div_ceil(4);
            jpeg = still::encode(picture, quality);
        }
        let camera = self.message.key();
        if quality < self.quality
            && LARGE.lock().unwrap_or_else(PoisonError::into_inner).insert(camera.to_owned())
        {
            warn!(
                camera,
                quality,
                "pictures above 2 MiB are sent at a lower quality: set `ingest.analysis_width` or `ingest.quality` lower"
            );
        }
        jpeg
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
            *message.encoded() = self.jpeg(picture);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_too_large_goes_at_a_lower_quality() {
        // Noise, of which nothing can be left out: at quality 100 a byte a pixel and more.
        let mut state = 1_u32;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        let grey: Vec<u8> = (0..2048 * 2048).flat_map(|_| [noise(); 3]).collect();
        let picture = Picture::rgb(2048, 2048, grey).unwrap();
        assert!(still::encode(&picture, 100).len() > LARGEST);
        let sent = Captured { message: v1::Frame::default(), picture: Some(picture), quality: 100 }.encode();
        assert!(sent.len() < LARGEST + 1024, "{}", sent.len());
        assert_eq!(Captured::decode(&sent).unwrap().picture.unwrap().width(), 2048);
    }
}
