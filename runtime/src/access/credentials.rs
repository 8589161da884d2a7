//! Sessions and tokens in the store, as hashes.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Access, Error, Role, SECOND_US, Subject, digest, lock, random};
use crate::{
    config::Secret,
    store::{Scan, StoredRow, table},
};

/// What is kept of a credential, under its kind and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    subject: String,
    roles: Vec<Role>,
    /// 0 for never.
    expires_us: i64,
}

/// A credential looked up lately.
pub(super) struct Known {
    subject: Subject,
    expires_us: i64,
    until_us: i64,
}

/// Partitions of the table: what a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A cookie of a browser.
    Session,
    /// A bearer token of a machine.
    Token,
    /// A login link.
    Link,
}

/// A credential that was looked up counts for so long without another look; revoking works at once in this process.
const KNOWN_US: i64 = 10 * SECOND_US;

impl Kind {
    const fn partition(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::Token => "tokens",
            Self::Link => "links",
        }
    }
}

impl Access {
    /// A new credential, of which the store keeps the hash.
    pub(super) fn issue(&self, kind: Kind, subject: &Subject, life_s: i64) -> Result<Secret, Error> {
        let token = random()?;
        let now_us = self.now_us();
        let stored = Stored {
            subject: subject.name.clone(),
            roles: subject.roles.clone(),
            expires_us: if life_s == 0 { 0 } else { now_us + life_s * SECOND_US },
        };
        let row = StoredRow {
            table: table::ACCESS.name.to_owned(),
            partition: kind.partition().to_owned(),
            sort: digest(token.expose()).to_vec(),
            time_us: now_us,
            body: postcard::to_stdvec(&stored).expect("it has no type that postcard refuses"),
        };
        self.0.store.write(&[row])?;
        Ok(token)
    }

    /// Whose credential this is; `None` when there is none of this kind or it has expired.
    pub(super) fn look_up(&self, kind: Kind, token: &str) -> Result<Option<Subject>, Error> {
        let (hash, now_us) = (digest(token), self.now_us());
        if let Some(known) = lock(&self.0.known).get(&(kind, hash))
            && now_us < known.until_us
            && (known.expires_us == 0 || now_us < known.expires_us)
        {
            return Ok(Some(known.subject.clone()));
        }
        let Some((subject, expires_us)) = self.read(kind, &hash, now_us)? else { return Ok(None) };
        let mut known = lock(&self.0.known);
        known.retain(|_, known| now_us < known.until_us);
        known.insert(
            (kind, hash),
            Known { subject: subject.clone(), expires_us, until_us: now_us + KNOWN_US },
        );
        Ok(Some(subject))
    }

    /// Takes a credential that counts once: whoever removes it first has it.
    pub(super) fn take(&self, kind: Kind, token: &str) -> Result<Option<Subject>, Error> {
        let hash = digest(token);
        let Some((subject, _)) = self.read(kind, &hash, self.now_us())? else { return Ok(None) };
        let place = (kind.partition(), hash.as_slice());
        let Some(body) = self.0.store.get(&table::ACCESS, place.0, place.1)? else { return Ok(None) };
        let spent = StoredRow {
            table: table::ACCESS.name.to_owned(),
            partition: place.0.to_owned(),
            sort: place.1.to_vec(),
            time_us: self.now_us(),
            body: Vec::new(),
        };
        if !self.0.store.compare_and_set(&spent, Some(&body))? {
            return Ok(None);
        }
        self.0.store.delete(&table::ACCESS, place.0, place.1)?;
        Ok(Some(subject))
    }

    /// Ends a credential.
    pub(super) fn end(&self, kind: Kind, token: &str) -> Result<(), Error> {
        let hash = digest(token);
        lock(&self.0.known).remove(&(kind, hash));
        Ok(self.0.store.delete(&table::ACCESS, kind.partition(), &hash)?)
    }

    /// Removes what has expired, and every token of `subject` where one is given.
    pub(super) fn tidy(&self, kind: Kind, subject: Option<&str>) -> Result<(), Error> {
        let now_us = self.now_us();
        for row in self.0.store.scan(&Scan::all(&table::ACCESS, kind.partition()))? {
            let stored: Option<Stored> = postcard::from_bytes(&row.body).ok();
            let keep = stored.is_some_and(|stored| {
                (stored.expires_us == 0 || now_us < stored.expires_us)
                    && subject != Some(stored.subject.as_str())
            });
            if !keep {
                self.0.store.delete(&table::ACCESS, kind.partition(), &row.sort)?;
            }
        }
        lock(&self.0.known).clear();
        Ok(())
    }

    fn read(&self, kind: Kind, hash: &[u8; 32], now_us: i64) -> Result<Option<(Subject, i64)>, Error> {
        // The store finds the row by the token's hash, so how long that takes tells nothing about the token. The row
        // is compared again in constant time.
        let mut scan = Scan::all(&table::ACCESS, kind.partition());
        (scan.from, scan.limit) = (hash.to_vec(), 1);
        let found = self.0.store.scan(&scan)?;
        let Some(row) = found.into_iter().find(|row| bool::from(row.sort.ct_eq(hash))) else {
            return Ok(None);
        };
        let Ok(stored) = postcard::from_bytes::<Stored>(&row.body) else { return Ok(None) };
        let live = stored.expires_us == 0 || now_us < stored.expires_us;
        Ok(live.then_some((Subject { name: stored.subject, roles: stored.roles }, stored.expires_us)))
    }
}
