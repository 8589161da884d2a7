//! What a model is and what it eats.

mod picture;

pub use picture::{Format, Matrix, Picture, PictureError, Plane};
