//! The people enrolled: sealed rows in the store, vectors in memory, replaced as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use cortex_runtime::store::{Scan, Store, StoredRow, table};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{Embedding, Error};

/// Somebody enrolled.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Random, in hex.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// The space of the vectors.
    pub space: String,
    /// Vectors of length one.
    pub embeddings: Vec<Vec<f32>>,
    /// Severity of the anomaly that a match raises; 0 for none.
    pub watch: i32,
    /// When they were enrolled, in microseconds since 1970.
    pub enrolled_us: i64,
}

/// The nearest person.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Their id.
    pub person: String,
    /// Cosine similarity, -1..1.
    pub similarity: f32,
    /// Severity of the anomaly that a match raises; 0 for none.
    pub watch: i32,
}

/// The gallery. Cloning it copies pointers.
#[derive(Clone)]
pub struct Gallery {
    store: Arc<dyn Store>,
    key: [u8; 32],
    people: Arc<ArcSwap<Vec<Person>>>,
}

const PARTITION: &str = "people";
const NONCE: usize = 24;

impl Gallery {
    /// The gallery of a store, sealed with this key.
    pub fn open(store: Arc<dyn Store>, key: [u8; 32]) -> Result<Self, Error> {
        let gallery = Self { store, key, people: Arc::default() };
        gallery.reload()?;
        Ok(gallery)
    }

    /// Reads everybody anew. A search sees the old or the new gallery, never a mixture.
    pub fn reload(&self) -> Result<(), Error> {
        let rows = self.store.scan(&Scan::all(&table::PEOPLE, PARTITION))?;
        let mut people = Vec::with_capacity(rows.len());
        for row in rows {
            people.push(self.unseal(&String::from_utf8_lossy(&row.sort), &row.body)?);
        }
        info!(people = people.len(), "gallery loaded");
        self.people.store(Arc::new(people));
        Ok(())
    }

    /// Everybody enrolled.
    pub fn people(&self) -> Arc<Vec<Person>> {
        self.people.load_full()
    }

    /// Adds or replaces somebody.
    pub fn put(&self, person: &Person) -> Result<(), Error> {
        let row = StoredRow {
            table: table::PEOPLE.name.to_owned(),
            partition: PARTITION.to_owned(),
            sort: person.id.as_bytes().to_vec(),
            time_us: person.enrolled_us,
            body: self.seal(person)?,
        };
        self.store.write(&[row])?;
        self.reload()
    }

    /// Forgets somebody: name and vectors.
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        self.store.delete(&table::PEOPLE, PARTITION, id.as_bytes())?;
        self.reload()
    }

    /// The nearest person of the same space, by exact search over all vectors. `None` in an empty gallery.
    pub fn nearest(&self, probe: &Embedding, space: &str) -> Option<Match> {
        let people = self.people.load();
        let mut best: Option<(f32, &Person)> = None;
        for person in people.iter().filter(|person| person.space == space) {
            for vector in person.embeddings.iter().filter(|vector| vector.len() == probe.0.len()) {
                let similarity: f32 = vector.iter().zip(&probe.0).map(|(a, b)| a * b).sum();
                if best.is_none_or(|(highest, _)| similarity > highest) {
                    best = Some((similarity, person));
                }
            }
        }
        best.map(|(similarity, person)| Match { person: person.id.clone(), similarity, watch: person.watch })
    }

    fn seal(&self, person: &Person) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| Error::Refused(format!("draw a nonce: {error}")))?;
        let clear = postcard::to_stdvec(person).expect("a person has no type that postcard refuses");
        let payload = Payload { msg: &clear, aad: person.id.as_bytes() };
        let sealed = XChaCha20Poly1305::new(&self.key.into()).encrypt(&nonce.into(), payload);
        Ok([nonce.as_slice(), &sealed.map_err(|_| Error::Sealed(person.id.clone()))?].concat())
    }

    fn unseal(&self, id: &str, sealed: &[u8]) -> Result<Person, Error> {
        let failed = || Error::Sealed(id.to_owned());
        let (nonce, body) = sealed.split_at_checked(NONCE).ok_or_else(failed)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| failed())?;
        let payload = Payload { msg: body, aad: id.as_bytes() };
        let clear =
            XChaCha20Poly1305::new(&self.key.into()).decrypt(&nonce.into(), payload).map_err(|_| failed())?;
        postcard::from_bytes(&clear).map_err(|_| failed())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cortex_models::normalise;
    use cortex_runtime::store::{Retention, Sqlite};
    use proptest::prelude::*;

    use super::*;

    fn store() -> Arc<dyn Store> {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        Arc::new(Sqlite::open(None, retention).unwrap())
    }

    fn person(id: &str, space: &str, vector: Vec<f32>) -> Person {
        Person {
            id: id.into(),
            name: format!("{id}!"),
            space: space.into(),
            embeddings: vec![vector],
            watch: 0,
            enrolled_us: 1,
        }
    }

    #[test]
    fn rows_are_sealed_and_another_key_is_a_clear_error() {
        let store = store();
        let gallery = Gallery::open(Arc::clone(&store), [7; 32]).unwrap();
        gallery.put(&person("ada", "s", vec![1.0, 0.0])).unwrap();
        let row = &store.scan(&Scan::all(&table::PEOPLE, PARTITION)).unwrap()[0];
        assert!(!row.body.windows(4).any(|part| part == b"ada!"), "the name is readable");
        assert!(matches!(Gallery::open(Arc::clone(&store), [8; 32]), Err(Error::Sealed(id)) if id == "ada"));
        let again = Gallery::open(store, [7; 32]).unwrap();
        assert_eq!(again.people()[0].name, "ada!");
        again.remove("ada").unwrap();
        assert_eq!(again.nearest(&Embedding(vec![1.0, 0.0]), "s"), None);
    }

    proptest! {
        #[test]
        fn the_nearest_is_the_nearest_of_its_own_space(
            vectors in proptest::collection::vec(proptest::collection::vec(-1.0..1.0_f32, 8), 1..20),
            probe in proptest::collection::vec(-1.0..1.0_f32, 8),
        ) {
            let gallery = Gallery { store: store(), key: [0; 32], people: Arc::default() };
            let unit = |mut vector: Vec<f32>| { normalise(&mut vector); vector };
            let people: Vec<Person> = vectors.into_iter().enumerate()
                .map(|(i, v)| person(&i.to_string(), if i % 3 == 0 { "other" } else { "mine" }, unit(v))).collect();
            gallery.people.store(Arc::new(people.clone()));
            let probe = Embedding(unit(probe));
            let all = people.iter().filter(|p| p.space == "mine").map(|p| probe.cosine(&Embedding(p.embeddings[0].clone())));
            let highest = all.fold(f32::MIN, f32::max);
            match gallery.nearest(&probe, "mine") {
                Some(found) => prop_assert!((found.similarity - highest).abs() < 1e-5),
                None => prop_assert_eq!(highest, f32::MIN),
            }
        }
    }
}
