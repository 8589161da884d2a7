//! The connection to the servers. The driver keeps one to each, and comes back to those that were away.

use std::{path::Path, time::Duration};

use openssl::ssl::{SslContext, SslMethod, SslVerifyMode};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    statement::{Consistency, SerialConsistency},
};

use super::{Address, failure};
use crate::{config, store::Error};

const CONNECT: &str = "connect to the store";
/// How long one server may take to answer a new connection.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a request may take with every retry; servers give up after two seconds by themselves.
const REQUEST: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether it lives, and how long it may take to say so.
const ALIVE: Duration = Duration::from_secs(5);

/// Connects to the servers that the configuration names.
pub(super) async fn connect(config: &config::Store, address: &Address) -> Result<Session, Error> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(REQUEST))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&address.hosts)
        .connection_timeout(ANSWER)
        .keepalive_interval(ALIVE)
        .keepalive_timeout(ALIVE)
        // Who migrates looks at the schema once, before it changes anything.
        .refresh_metadata_on_auto_schema_agreement(false)
        .default_execution_profile_handle(profile.into_handle());
    if let Some(user) = &address.user {
        builder = builder.user(user, config.password.expose());
    }
    if !config.ca.as_os_str().is_empty() {
        builder = builder.tls_context(Some(tls(&config.ca)?));
    }
    let hosts = address.hosts.join(", ");
    let failed = |reason| Error::engine(CONNECT, format!("{hosts}: {reason}"));
    // Each may take its time, and then the one that answers tells of its cluster.
    let limit = ANSWER * (address.hosts.len() as u32 + 1);
    match tokio::time::timeout(limit, builder.build()).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(failed(failure::reason(&error))),
        Err(_) => Err(failed(format!("no answer within {limit:?}"))),
    }
}

/// Trusts this authority and no other. The driver compares a certificate with the address it connects to.
fn tls(ca: &Path) -> Result<SslContext, Error> {
    let failed = |reason: String| Error::engine(CONNECT, format!("`store.ca` {}: {reason}", ca.display()));
    // OpenSSL's own words for a missing file are two lines of numbers.
    std::fs::metadata(ca).map_err(|error| failed(error.to_string().to_lowercase()))?;
    let context = || {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        context.set_ca_file(ca)?;
        context.set_verify(SslVerifyMode::PEER);
        Ok::<_, openssl::error::ErrorStack>(context.build())
    };
    context().map_err(|_| failed("holds no PEM certificate".to_owned()))
}
