use cortex_runtime::{still, store};

/// Why nobody can be recognised or enrolled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model cannot be loaded or run.
    #[error("recognise: {0}")]
    Model(#[from] cortex_infer::Error),
    /// What the model gave cannot be read.
    #[error("recognise: {0}")]
    Decode(#[from] cortex_models::DecodeError),
    /// The bytes are no picture.
    #[error(transparent)]
    Still(#[from] still::Error),
    /// The gallery cannot be read or written.
    #[error("gallery: {0}")]
    Store(#[from] store::Error),
    /// A person cannot be opened: another key, or changed bytes.
    #[error(
        "gallery: person {0} cannot be opened: the key file is not the one they were enrolled with, or the row was changed"
    )]
    Sealed(String),
    /// The request cannot be fulfilled.
    #[error("{0}")]
    Refused(String),
}
