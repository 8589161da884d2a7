//! A key for each person. What is known of somebody is sealed with theirs alone, so that destroying one key erases one
//! person everywhere: in the store, in its backups, in snapshots and dead letters.
//!
//! A folder holds a file for each person, `ID.key`, mode 0600: 256 random bits, sealed with the data key `people` (the
//! person's id authenticated). It belongs beside the master key: apart from the data, and never in a backup of it.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{Error, Key, Keys, content, file, read_private};
use crate::access::write_private;

/// The folder of people's keys.
pub struct PeopleKeys {
    folder: PathBuf,
    wrapping: Key,
}

impl PeopleKeys {
    /// The folder `people` beside the master key's file, made at first need.
    ///
    /// # Errors
    /// The key that wraps them cannot be opened, or the folder cannot be made.
    pub fn open(keys: &Keys) -> Result<Self, Error> {
        let folder = keys.wrapped.with_extension("people");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| file("make folder", &folder, source))?;
        Ok(Self { folder, wrapping: keys.key("people")? })
    }

    /// The key of a person (hexadecimal digits); `None` when there is none any more: they were erased.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or another master key wrapped it.
    pub fn get(&self, person: &str) -> Result<Option<Key>, Error> {
        let path = self.path(person)?;
        let Some(text) = read_private(&path)? else { return Ok(None) };
        let sealed = hex::decode(text.trim_end()).map_err(|_| content(&path, "is no key of a person"))?;
        let bytes = self.wrapping.unseal(&sealed, person.as_bytes())?;
        let bytes = bytes.as_slice().try_into().map_err(|_| content(&path, "is no key of a person"))?;
        Ok(Some(Key(Box::new(bytes))))
    }

    /// A new key for a person, kept before it is answered.
    ///
    /// # Errors
    /// It cannot be made or written, or there is one.
    pub fn make(&self, person: &str) -> Result<Key, Error> {
        let path = self.path(person)?;
        if path.exists() {
            return Err(content(&path, "is there already"));
        }
        let key = Key::random()?;
        let sealed = hex::encode(self.wrapping.seal(key.0.as_slice(), person.as_bytes())?);
        write_private(&path, sealed.as_bytes()).map_err(|source| file("write", &path, source))?;
        Ok(key)
    }

    /// Destroys the key of a person: nothing that it sealed can ever be read again. Destroying one that is gone is no
    /// error.
    ///
    /// # Errors
    /// The file cannot be overwritten or removed.
    pub fn destroy(&self, person: &str) -> Result<(), Error> {
        let path = self.path(person)?;
        let gone = || -> io::Result<()> {
            // Overwritten first: a name that is removed leaves its bytes on the disk. Where a file system writes
            // elsewhere (flash, snapshots) the wrapping still protects them.
            let opened = fs::OpenOptions::new().write(true).open(&path)?;
            let zeros = vec![0; usize::try_from(opened.metadata()?.len()).unwrap_or(0)];
            io::Write::write_all(&mut &opened, &zeros)?;
            opened.sync_all()?;
            fs::remove_file(&path)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        match gone() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|source| file("destroy", &path, source)),
        }
    }

    fn path(&self, person: &str) -> Result<PathBuf, Error> {
        let hexadecimal = !person.is_empty() && person.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hexadecimal {
            return Err(content(&self.folder, "has keys of ids of hexadecimal digits only"));
        }
        Ok(self.folder.join(Path::new(person).with_extension("key")))
    }
}
