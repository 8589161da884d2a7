//! Where a server may listen.

use std::net::SocketAddr;

/// An address that would carry pictures in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`listen.address` {0} is reached from other machines: set `listen.certificate` and `listen.key`, or use 127.0.0.1"
)]
pub struct BindError(SocketAddr);

/// Refuses to listen beyond loopback without TLS.
///
/// # Errors
/// The address is not a loopback one, and there is no TLS.
pub fn check_bind(address: SocketAddr, tls: bool) -> Result<(), BindError> {
    if tls || address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(BindError(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_only_with_tls() {
        for (address, loopback) in [
            ("127.0.0.1:8080", true),
            ("127.8.0.1:80", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:8080", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("192.168.1.5:443", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(check_bind(address, false).is_ok(), loopback, "{address}");
            assert_eq!(check_bind(address, true), Ok(()));
        }
    }
}
