use cortex_runtime::config::AddressError;

/// Why a camera gives no pictures.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No credential of this name.
    #[error("there is no credential `{0}`: add it to the credentials file")]
    Credential(String),
    /// The camera refused the credential.
    #[error("the camera refused the user or password")]
    Login,
    /// GStreamer or a part of it is missing.
    #[error("{0}")]
    Setup(String),
    /// The connection failed or broke.
    #[error("{0}")]
    Stream(String),
    /// The stream ended.
    #[error("the stream ended")]
    Ended,
    /// A file ended before its time.
    #[error("the footage ends at {at_s} s of {of_s} s: it is cut or damaged")]
    Cut {
        /// Where the last picture was, in whole seconds.
        at_s: i64,
        /// Length by the container, in whole seconds.
        of_s: i64,
    },
    /// No picture for too long.
    #[error("no picture for {0} s")]
    Stalled(u64),
}
