//! A camera's address: any text is taken or refused, and no password is ever taken or repeated.
#![no_main]

use cortex_ingest::{Config, check_url};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let schemes = Config::default().schemes;
    match check_url(text, &schemes) {
        Ok(()) => {
            let (scheme, rest) = text.split_once("://").expect("an address has a scheme");
            assert!(schemes.iter().any(|known| known == scheme), "only schemes that are allowed");
            let authority = rest.split('/').next().unwrap_or_default();
            assert!(!scheme.starts_with("rtsp") || !authority.contains('@'), "no login in an address");
        }
        Err(refused) => assert!(!refused.to_string().is_empty(), "a refusal says why"),
    }
    // Whatever the name of the user: the password is not said again.
    let login = format!("rtsp://{text}:5ecret-of-the-test@host/path");
    if let Err(refused) = check_url(&login, &schemes) {
        assert!(!refused.to_string().contains("5ecret"), "{refused}");
    }
});
