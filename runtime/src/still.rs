//! Still pictures as bytes: JPEG out; JPEG, PNG and WebP in, with limits.

use std::io::Cursor;

use cortex_models::{Format, Picture, Plane};
use image::{ImageDecoder, ImageReader};
use jpeg_encoder::{ColorType, Encoder, ImageBuffer, JpegColorType, SamplingFactor};

/// The largest still that is taken in.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes as encoded.
    pub bytes: usize,
    /// Width times height.
    pub pixels: u64,
}

/// Why bytes are not a still.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than allowed.
    #[error("the picture has {got} bytes, at most {most} are taken")]
    TooManyBytes {
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// More pixels than allowed.
    #[error("the picture has {width}x{height} pixels, at most {most} in all are taken")]
    TooManyPixels {
        /// Width in pixels, from the header.
        width: u32,
        /// Height in pixels, from the header.
        height: u32,
        /// Pixels allowed.
        most: u64,
    },
    /// Not a JPEG, PNG or WebP, or a broken one.
    #[error("decode a picture: {0}; JPEG, PNG and WebP are understood")]
    Decode(#[from] image::ImageError),
}

impl Default for Limits {
    /// 20 MiB and 40 million pixels.
    fn default() -> Self {
        Self { bytes: 20 << 20, pixels: 40_000_000 }
    }
}

/// Decodes a still into RGB, turned upright as its EXIF orientation says. The header is held against the limits
/// before anything is allocated.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooManyBytes { got: bytes.len(), most: limits.bytes });
    }
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(image::ImageError::IoError)?;
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let side = Picture::MAX_SIDE as u32;
    if u64::from(width) * u64::from(height) > limits.pixels || width > side || height > side {
        return Err(Error::TooManyPixels { width, height, most: limits.pixels });
    }
    let orientation = decoder.orientation()?;
    let mut image = image::DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    Ok(Picture::rgb(width, height, rgb.into_raw())
        .expect("the decoder gives whole rows within the side limit"))
}

/// Encodes a picture as a baseline JPEG with 4:2:0 chroma. `quality` is 1..=100.
pub fn encode(picture: &Picture, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::with_capacity(picture.width() * picture.height() / 8);
    let mut encoder = Encoder::new(&mut jpeg, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    let written = match picture.format() {
        Format::Rgb => {
            let rows = tight_rows(&picture.planes()[0], picture.width() * 3, picture.height());
            encoder.encode(&rows, width, height, ColorType::Rgb)
        }
        Format::I420(_) => encoder.encode_image(Ycbcr(picture)),
    };
    written.expect("a picture has at most 16,384 pixels a side and memory does not fail to be written");
    jpeg
}

fn tight_rows(plane: &Plane, row: usize, rows: usize) -> Vec<u8> {
    plane.data.chunks(plane.stride).take(rows).flat_map(|line| &line[..row]).copied().collect()
}

/// Hands the planes of an I420 picture to the encoder without a detour over RGB: only the limited range of video is
/// stretched to JPEG's full range. (The colour matrix is not changed: JPEG means BT.601; for BT.709 pictures the
/// difference is a slight hue.)
struct Ycbcr<'a>(&'a Picture);

impl ImageBuffer for Ycbcr<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.0.width() as u16
    }

    fn height(&self) -> u16 {
        self.0.height() as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (y, width) = (usize::from(y), self.0.width());
        let line = |index: usize, row: usize, length: usize| {
            let plane = &self.0.planes()[index];
            &plane.data[row * plane.stride..row * plane.stride + length]
        };
        buffers[0].extend(line(0, y, width).iter().map(|luma| LUMA[usize::from(*luma)]));
        let half = width.div_ceil(2);
        for (index, buffer) in buffers.iter_mut().enumerate().skip(1).take(2) {
            let chroma = line(index, y / 2, half).iter().flat_map(|value| [CHROMA[usize::from(*value)]; 2]);
            buffer.extend(chroma.take(width));
        }
    }
}

/// 16..235 to 0..255.
const LUMA: [u8; 256] = stretch(16, 219);
/// 16..240 to 0..255 about 128.
const CHROMA: [u8; 256] = stretch(16, 224);

const fn stretch(low: i32, range: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        let scaled = ((value as i32 - low) * 255 + range / 2) / range;
        table[value] = if scaled < 0 {
            0
        } else if scaled > 255 {
            255
        } else {
            scaled as u8
        };
        value += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use cortex_models::Matrix;

    use super::*;

    #[test]
    fn grey_survives_both_ways() {
        let plane = |size: usize, value: u8| Plane { data: vec![value; size * size].into(), stride: size };
        let planes = vec![plane(32, 126), plane(16, 128), plane(16, 128)];
        let picture = Picture::new(32, 32, Format::I420(Matrix::Bt601), planes).unwrap();
        let back = decode(&encode(&picture, 95), Limits::default()).unwrap();
        assert_eq!((back.width(), back.height()), (32, 32));
        // (126 - 16) * 255 / 219 = 128
        assert!(back.planes()[0].data.iter().all(|value| value.abs_diff(128) <= 2));
    }

    #[test]
    fn a_header_with_absurd_sides_is_refused_before_it_is_decoded() {
        let mut png = Vec::from(*b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        png.extend([30_000_u32.to_be_bytes(), 30_000_u32.to_be_bytes()].concat());
        png.extend([8, 2, 0, 0, 0]);
        let mut crc = 0xffff_ffff_u32;
        for byte in &png[12..] {
            crc ^= u32::from(*byte);
            (0..8).for_each(|_| crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)));
        }
        png.extend((!crc).to_be_bytes());
        png.extend([0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xaf, 0x06, 0x1e]);
        let error = decode(&png, Limits::default()).unwrap_err();
        assert!(matches!(error, Error::TooManyPixels { width: 30_000, .. }), "{error}");
    }

    #[test]
    fn a_truncated_picture_is_an_error() {
        let picture = Picture::rgb(64, 64, vec![7; 64 * 64 * 3]).unwrap();
        let jpeg = encode(&picture, 90);
        assert!(decode(&jpeg[..jpeg.len() / 3], Limits::default()).is_err());
        assert!(decode(b"GIF89a", Limits::default()).is_err());
    }
}
