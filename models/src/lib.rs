//! What a model is, and what it eats: the manifest of the files, pictures, pre-processing into tensors, decoders
//! of what comes out, and the alignment of faces. Pure functions; sessions are `cortex-runtime`'s.
//!
//! One contract holds for every file in the manifest: input float32, NCHW, RGB, 0..255; normalisation is inside the
//! graph.

mod align;
mod area;
mod bilinear;
pub mod card;
mod classes;
pub mod decode;
mod geometry;
mod manifest;
mod picture;
mod prepare;
mod tensor;

pub use align::{ARCFACE_112, DLIB_150, Similarity, chip, mirror, normalise, quality_of_pose};
pub use card::{Card, CardError};
pub use classes::{COCO, Group, class_name, group_of};
pub use decode::{DecodeError, Detection, Face, Pose};
pub use geometry::{Rect, nms};
pub use manifest::{Decoder, Manifest, ManifestError, Model, Precision, Task};
pub use picture::{Format, Matrix, Picture, PictureError, Plane};
pub use prepare::{Fit, Placement, Preprocessor, crop, multiple_of_32};
pub use tensor::{Tensor, View};
