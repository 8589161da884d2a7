//! A camera's address: any text is taken or refused, and no password is ever taken or repeated.
#![no_main]

use cortex_proto::v1::Origin;
use cortex_runtime::config::{Ingest, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let config = Ingest::default();
    let policy = Policy::new(&config);
    match policy.check(text, Origin::Api) {
        Ok(()) => {
            let (scheme, rest) = text.split_once("://").expect("an address has a scheme");
            assert!(config.schemes.iter().any(|known| known == scheme), "only schemes that are allowed");
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            assert!(!scheme.starts_with("rtsp") || !authority.contains('@'), "no login in an address");
        }
        Err(refused) => assert!(!refused.to_string().is_empty(), "a refusal says why"),
    }
    // Whatever the name of the user: the password is not said again.
    let login = format!("rtsp://{text}:Secret9-of-the-test@host/path");
    if let Err(refused) = policy.check(&login, Origin::Api) {
        assert!(!refused.to_string().contains("Secret9"), "{refused}");
    }
});
