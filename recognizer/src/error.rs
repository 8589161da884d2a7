use cortex_runtime::{keys, still, store};

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
    /// A key cannot be read, made or destroyed.
    #[error("gallery: {0}")]
    Keys(#[from] keys::Error),
    /// A person cannot be opened: another key, or changed bytes.
    #[error(
        "gallery: person {0} cannot be opened: the key is not the one they were enrolled with, or the row was changed"
    )]
    Sealed(String),
    /// A row of a watch-list is none.
    #[error("gallery: watch-list {0} cannot be read: {1}")]
    List(String, String),
    /// A threshold card cannot be read.
    #[error("gallery: {0}")]
    Card(#[from] cortex_models::CardError),
    /// Descriptors of the older system cannot be taken over.
    #[error(transparent)]
    Import(#[from] crate::import::ImportError),
    /// The request cannot be fulfilled.
    #[error("{0}")]
    Refused(String),
}
