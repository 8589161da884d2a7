use cortex_runtime::still;

/// Why a still cannot be redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model cannot be loaded or run.
    #[error("redact a still: {0}")]
    Model(#[from] cortex_infer::Error),
    /// What the model gave cannot be read.
    #[error("redact a still: {0}")]
    Decode(#[from] cortex_models::DecodeError),
    /// The bytes are no picture.
    #[error(transparent)]
    Still(#[from] still::Error),
}
