//! Numbers with a shape.

/// An owned tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each axis, outermost first.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the shape.
    pub data: Vec<f32>,
}

/// A tensor that a session gave, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Length of each axis, outermost first.
    pub shape: &'a [usize],
    /// The values.
    pub data: &'a [f32],
}

impl Tensor {
    /// A tensor to look at.
    pub fn view(&self) -> View<'_> {
        View { shape: &self.shape, data: &self.data }
    }
}
