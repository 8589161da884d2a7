//! Keys for what must be sealed, and the credentials of cameras. Both live apart from the data.
//!
//! The key file holds the master key and nothing else. Data keys are made at first need and kept beside it, each
//! sealed with the master key (XChaCha20-Poly1305, the key's name authenticated): losing the master key loses them,
//! and removing one makes what it sealed unreadable for ever.

mod people;

use std::{
    collections::BTreeMap,
    fmt,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
pub use people::PeopleKeys;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::{access::write_private, config::Secret};

/// The master key and the data keys that it wraps.
pub struct Keys {
    master: Key,
    wrapped: PathBuf,
    /// One process writes the file of wrapped keys at a time.
    lock: Mutex<()>,
}

/// 256 bits that are overwritten when they are dropped and never shown.
pub struct Key(Box<[u8; KEY]>);

/// User and password of cameras, by name.
#[derive(Clone, Debug, Default)]
pub struct Credentials(BTreeMap<String, Credential>);

/// How to log in to a camera.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// What went wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{attempt} {path}: {source}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error(
        "{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`, and change what is in it"
    )]
    Open {
        /// The file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what it should be.
    #[error("{path} {reason}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, without what is in it.
        reason: String,
    },
    /// Another key sealed it, or it was changed.
    #[error("cannot be unsealed: sealed with another key, or changed")]
    Seal,
    /// This machine has no randomness.
    #[error("make a random key: {0}")]
    Random(String),
}

const KEY: usize = 32;
const NONCE: usize = 24;
/// First word of the key file, so that another file is not taken for one.
const HEADER: &str = "cortex-master-key-1 ";
/// A file of secrets is not larger.
const MOST: u64 = 1024 * 1024;

impl Keys {
    /// Opens the key file; makes it, mode 0600, when there is none and nothing was sealed yet.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, it is no key file, or it is gone while wrapped keys are there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrapped = path.with_extension("wrapped");
        let master = match read_private(path)? {
            Some(text) => parse(&text).ok_or_else(|| content(path, "is no master key of Cortex"))?,
            None if wrapped.exists() => {
                let reason = format!("is gone, but {} needs it: bring it back", wrapped.display());
                return Err(content(path, reason));
            }
            None => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)
                        .map_err(|source| file("make folder for", path, source))?;
                }
                let master = Key::random()?;
                let text = Zeroizing::new(format!("{HEADER}{}\n", hex::encode(*master.0)));
                write_private(path, text.as_bytes()).map_err(|source| file("write", path, source))?;
                master
            }
        };
        Ok(Self { master, wrapped, lock: Mutex::new(()) })
    }

    /// The data key of this name (letters, digits, `-`), made at first need.
    ///
    /// # Errors
    /// The wrapped keys cannot be read or written, or another master key wrapped them.
    pub fn key(&self, name: &str) -> Result<Key, Error> {
        let _one = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let text = read_private(&self.wrapped)?.unwrap_or_default();
        let mut keys: BTreeMap<String, String> =
            toml::from_str(&text).map_err(|_| content(&self.wrapped, "is no list of wrapped keys"))?;
        if let Some(sealed) = keys.get(name) {
            let sealed = hex::decode(sealed).map_err(|_| Error::Seal)?;
            let bytes = self.master.unseal(&sealed, name.as_bytes())?;
            let bytes: [u8; KEY] = bytes.as_slice().try_into().map_err(|_| Error::Seal)?;
            return Ok(Key(Box::new(bytes)));
        }
        let key = Key::random()?;
        keys.insert(name.to_owned(), hex::encode(self.master.seal(key.0.as_slice(), name.as_bytes())?));
        let lines: String = keys.iter().map(|(name, sealed)| format!("{name:?} = {sealed:?}\n")).collect();
        write_private(&self.wrapped, lines.as_bytes())
            .map_err(|source| file("write", &self.wrapped, source))?;
        Ok(key)
    }
}

impl Key {
    /// The key that is written as 64 hexadecimal digits.
    pub fn parse(digits: &str) -> Option<Self> {
        let mut key = Self(Box::new([0; KEY]));
        hex::decode_to_slice(digits, key.0.as_mut_slice()).ok()?;
        Some(key)
    }

    fn random() -> Result<Self, Error> {
        let mut key = Self(Box::new([0; KEY]));
        getrandom::fill(key.0.as_mut_slice()).map_err(|error| Error::Random(error.to_string()))?;
        Ok(key)
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Seals bytes: a random nonce of 24 bytes, then ciphertext and tag. `context` (table, id) is authenticated and
    /// must be the same when they are unsealed, so that a sealed value cannot be moved elsewhere.
    ///
    /// # Errors
    /// This machine has no randomness.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| Error::Random(error.to_string()))?;
        let cipher = XChaCha20Poly1305::new((&*self.0).into());
        let payload = Payload { msg: plain, aad: context };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The bytes that were sealed; overwritten when they are dropped.
    ///
    /// # Errors
    /// Another key or context sealed them, or they were changed.
    pub fn unseal(&self, sealed: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Error::Seal)?;
        let cipher = XChaCha20Poly1305::new((&*self.0).into());
        let payload = Payload { msg: sealed, aad: context };
        cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Error::Seal)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Credentials {
    /// Reads the file: `yard = { user = "u", password = "p" }`. An empty path has none.
    ///
    /// # Errors
    /// The file is not there, others can read it, or it is wrong (said without what is in it).
    pub fn load(path: &Path) -> Result<Self, Error> {
        if path.as_os_str().is_empty() {
            return Ok(Self::default());
        }
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let text = read_private(path)?.ok_or_else(|| file("read", path, missing()))?;
        let read: Result<BTreeMap<String, Credential>, toml::de::Error> = toml::from_str(&text);
        read.map(Self).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            content(path, format!("line {line} is not like: yard = {{ user = \"u\", password = \"p\" }}"))
        })
    }

    /// The credential of this name.
    pub fn get(&self, name: &str) -> Option<&Credential> {
        self.0.get(name)
    }
}

fn parse(text: &str) -> Option<Key> {
    Key::parse(text.strip_prefix(HEADER)?.trim_end())
}

/// The text of a file that nobody else can read; `None` when there is none.
fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
    let opened = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| file("open", path, source))?,
    };
    let mode = opened.metadata().map_err(|source| file("read", path, source))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Open { path: path.display().to_string(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    opened.take(MOST).read_to_string(&mut text).map_err(|source| file("read", path, source))?;
    Ok(Some(text))
}

fn file(attempt: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File { attempt, path: path.display().to_string(), source }
}

fn content(path: &Path, reason: impl Into<String>) -> Error {
    Error::Content { path: path.display().to_string(), reason: reason.into() }
}
