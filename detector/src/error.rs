/// Why the detector cannot start, or not look at a picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model cannot be loaded or run.
    #[error("the detector's model: {0}")]
    Model(#[from] cortex_infer::Error),
    /// A model does not fit its entry in the manifest.
    #[error("the detector's model: {0}")]
    Decode(#[from] cortex_models::DecodeError),
}
