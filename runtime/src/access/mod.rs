//! Who may call what. Nothing but `/livez`, `/readyz` and `/login` answers without credentials.
//!
//! A person has a session (a cookie, begun with a single-use login link), a machine a bearer token. Of both the store
//! keeps the SHA-256 only. The subject of a request comes from its credential, never from its body.

mod bucket;
mod credentials;
mod layer;
mod login;
mod noted;
mod requests;
pub mod roles;
mod tls;
mod tokens;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{
    audit::{self, Auditor},
    config::Secret,
    runner::WallClock,
    store::{self, Store},
};
use bucket::Bucket;
use credentials::{Kind, Known};

pub use layer::{AccessLayer, AccessService};
pub use login::{COOKIE, LINK_LIFE_S};
pub use noted::Noted;
pub use requests::subject;
pub use roles::Role;
pub use tls::{BindError, check_bind};
pub use tokens::CLI;
pub(crate) use tokens::write_private;

/// Who asks, from the credential. In the extensions of every request that passed [`AccessLayer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The account's name.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
}

/// Accounts, sessions and tokens of this process; a cheap clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    audit: Auditor,
    clock: WallClock,
    /// Names besides loopback ones under which this server is reached, lower-case.
    hosts: Vec<String>,
    secure: bool,
    failures: Mutex<Bucket>,
    /// Credentials looked up lately, so that a page of pictures does not read the store for each.
    known: Mutex<HashMap<(Kind, [u8; 32]), Known>>,
}

/// What access needs.
pub struct Settings {
    /// Where accounts, sessions and tokens are.
    pub store: Arc<dyn Store>,
    /// Everything that changes something or is sensitive is written there first.
    pub audit: Auditor,
    /// The clock on the wall.
    pub clock: WallClock,
    /// Names besides loopback ones under which this server is reached.
    pub hosts: Vec<String>,
    /// Connections are encrypted, so the cookie is for encrypted ones only.
    pub tls: bool,
}

/// What went wrong with a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("read or write credentials: {0}")]
    Store(#[from] store::Error),
    /// It could not be audited, so it was not done.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// This machine has no randomness.
    #[error("make a random token: {0}")]
    Random(String),
    /// The token's file could not be written.
    #[error("write the token file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The login link is unknown, used or expired.
    #[error("this login link was used or has expired")]
    Link,
    /// Too many failed logins.
    #[error("too many failed logins, try again in a minute")]
    Slow,
}

const SECOND_US: i64 = 1_000_000;

impl Access {
    /// Access over a store.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            store: settings.store,
            audit: settings.audit,
            clock: settings.clock,
            hosts: settings.hosts.iter().map(|host| host.to_lowercase()).collect(),
            secure: settings.tls,
            failures: Mutex::default(),
            known: Mutex::default(),
        }))
    }

    /// Writes down that `subject` does `action` on `object`, before it is done. `detail` has nothing biometric and no
    /// secret. It waits for the disk.
    ///
    /// # Errors
    /// It was not written, so it must not be done.
    pub fn audit(&self, subject: &str, action: &str, object: &str, detail: &str) -> Result<(), audit::Error> {
        self.0.audit.write(subject, action, object, detail)
    }

    fn now_us(&self) -> i64 {
        (self.0.clock)()
    }
}

/// 256 bits of randomness as hex.
fn random() -> Result<Secret, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(Secret::new(hex::encode(bytes)))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
