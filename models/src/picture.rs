//! Pixels as they come from the decoder, shared by reference.

use std::sync::Arc;

use bytes::Bytes;

/// How YCbCr becomes RGB. Both are limited range (luma 16..235, chroma 16..240).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Matrix {
    /// ITU-R BT.601, what standard-definition cameras send.
    #[default]
    Bt601,
    /// ITU-R BT.709, what high-definition cameras send.
    Bt709,
}

/// Memory layout of a [`Picture`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Three planes Y, Cb, Cr; the chroma planes are `ceil(width / 2)` x `ceil(height / 2)`.
    I420(Matrix),
    /// One plane of interleaved red, green, blue, one byte each.
    Rgb,
}

/// One plane: `rows` rows of `stride` bytes, of which the first `width * bytes per pixel` count.
#[derive(Clone, Debug)]
pub struct Plane {
    /// The bytes, usually the decoder's own memory.
    pub data: Bytes,
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A decoded picture. Cloning it copies a pointer.
///
/// The origin is the upper left corner, x grows to the right, y downwards.
#[derive(Clone, Debug)]
pub struct Picture(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    width: usize,
    height: usize,
    format: Format,
    planes: Vec<Plane>,
}

/// Why planes do not make a [`Picture`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PictureError {
    /// Width or height is zero or above [`Picture::MAX_SIDE`].
    #[error("a picture of {0}x{1} pixels is empty or larger than {max} a side", max = Picture::MAX_SIDE)]
    Size(usize, usize),
    /// The number of planes does not fit the format.
    #[error("this format has {expected} planes, got {got}")]
    Planes {
        /// Planes that the format has.
        expected: usize,
        /// Planes that were given.
        got: usize,
    },
    /// A plane is shorter than its rows.
    #[error("plane {plane} has {got} bytes, its rows need {needed}")]
    Short {
        /// Index of the plane.
        plane: usize,
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        got: usize,
    },
}

impl Picture {
    /// The longest side accepted, in pixels; anything above it is a mistake or an attack.
    pub const MAX_SIDE: usize = 16_384;

    /// Joins planes into a picture, checking that every row lies inside its plane.
    pub fn new(
        width: usize,
        height: usize,
        format: Format,
        planes: Vec<Plane>,
    ) -> Result<Self, PictureError> {
        if width == 0 || height == 0 || width > Self::MAX_SIDE || height > Self::MAX_SIDE {
            return Err(PictureError::Size(width, height));
        }
        let sizes: Vec<(usize, usize)> = match format {
            Format::Rgb => vec![(width * 3, height)],
            Format::I420(_) => {
                let chroma = (width.div_ceil(2), height.div_ceil(2));
                vec![(width, height), chroma, chroma]
            }
        };
        if sizes.len() != planes.len() {
            return Err(PictureError::Planes { expected: sizes.len(), got: planes.len() });
        }
        for (index, ((row, rows), plane)) in sizes.iter().zip(&planes).enumerate() {
            let needed = plane.stride * (rows - 1) + row;
            if plane.stride < *row || plane.data.len() < needed {
                return Err(PictureError::Short { plane: index, needed, got: plane.data.len() });
            }
        }
        Ok(Self(Arc::new(Inner { width, height, format, planes })))
    }

    /// A picture of tightly packed RGB rows (`width * 3` bytes each).
    pub fn rgb(width: usize, height: usize, pixels: impl Into<Bytes>) -> Result<Self, PictureError> {
        Self::new(width, height, Format::Rgb, vec![Plane { data: pixels.into(), stride: width * 3 }])
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.0.height
    }

    /// Layout of the planes.
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// The planes, in the order that [`Format`] names.
    pub fn planes(&self) -> &[Plane] {
        &self.0.planes
    }

    /// Bytes held alive by this picture.
    pub fn bytes(&self) -> usize {
        self.0.planes.iter().map(|plane| plane.data.len()).sum()
    }
}
