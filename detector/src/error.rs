/// Why the detector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model cannot be loaded.
    #[error("start the detector: {0}")]
    Model(#[from] cortex_runtime::infer::Error),
}
