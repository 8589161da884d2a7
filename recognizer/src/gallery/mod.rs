//! The people enrolled and the lists they are on: sealed rows in the store, templates in memory. A search sees one
//! version of both, the old or the new, never a mixture.

mod index;
mod measure;
mod person;
mod products;
mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use cortex_models::Card;
use cortex_proto::v1;
use cortex_runtime::{
    keys::{Key, PeopleKeys},
    runner::WallClock,
    store::{self, Scan, Store, StoredRow, rows::number, table},
};
use prost::Message as _;
use tracing::{info, warn};

pub use index::{Hit, Index};
pub(crate) use measure::Measure;
pub use person::{Person, Template};
pub(crate) use person::{context, turn};
use shelf::Shelf;
pub use shelf::{Known, Listed, Match, Search};

use crate::{Embedding, Error, strangers::Strangers, watchlist};

/// The gallery. Cloning it copies pointers.
#[derive(Clone)]
pub struct Gallery(Arc<Inner>, Option<Strangers>);

struct Inner {
    store: Arc<dyn Store>,
    keys: PeopleKeys,
    scale: Scale,
    clock: WallClock,
    shelf: ArcSwap<Shelf>,
    /// One change at a time in this process; between processes rows are compared before they are set.
    changing: Mutex<()>,
}

/// What similarities mean.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    /// The embedding space of today's model.
    pub space: String,
    /// Threshold cards by embedding space.
    pub cards: Cards,
}

/// Threshold cards by embedding space.
pub type Cards = BTreeMap<String, Card>;

/// The partition of all lists.
const LISTS: &str = "lists";
/// Counts the changes: a term of the store, so that every process sees that there was one.
const CHANGES: &str = "gallery";
/// A change is tried again so often when another process was quicker.
const TRIES: usize = 5;

impl Gallery {
    /// The gallery of a store, each person sealed with their own key.
    ///
    /// # Errors
    /// The store or the keys cannot be read, or a row was changed.
    pub fn open(
        store: Arc<dyn Store>,
        keys: PeopleKeys,
        scale: Scale,
        clock: WallClock,
    ) -> Result<Self, Error> {
        let inner =
            Inner { store, keys, scale, clock, shelf: ArcSwap::default(), changing: Mutex::default() };
        let gallery = Self(Arc::new(inner), None);
        gallery.load()?;
        Ok(gallery)
    }

    /// The same gallery, which also tells strangers apart for so many microseconds after they were last seen.
    #[must_use]
    pub fn telling_strangers_apart(self, life_us: i64) -> Self {
        let card = self.card(&self.0.scale.space).cloned();
        Self(self.0, card.map(|card| Strangers::new(card, life_us)))
    }

    /// The strangers, where they are told apart.
    pub fn strangers(&self) -> Option<&Strangers> {
        self.1.as_ref()
    }

    /// Takes over what another process changed.
    ///
    /// # Errors
    /// As for [`Gallery::open`]; the old version stays.
    pub fn refresh(&self) -> Result<(), Error> {
        if self.changes()? == self.0.shelf.load().version {
            return Ok(());
        }
        self.load()
    }

    fn changes(&self) -> Result<u64, Error> {
        Ok(self.0.store.get(&table::TERMS, CHANGES, &[])?.as_deref().map_or(0, number))
    }

    /// Reads everybody and every list. Whoever has no key was erased: their rows are what a backup brought back.
    fn load(&self) -> Result<(), Error> {
        let version = self.changes()?;
        let (mut people, mut erased) = (Vec::new(), 0);
        for row in self.0.store.scan(&Scan::table(&table::PEOPLE))? {
            let id = row.partition;
            match self.0.keys.get(&id)? {
                Some(key) => {
                    people.push(Person::unseal(&id, &row.body, &key).ok_or_else(|| Error::Sealed(id))?);
                }
                None => erased += 1,
            }
        }
        let mut lists = Vec::new();
        for row in self.0.store.scan(&Scan::all(&table::WATCHLISTS, LISTS))? {
            let list = v1::Watchlist::decode(row.body.as_slice());
            lists.push(list.map_err(|error| Error::List(watchlist::id_of(&row.sort), error.to_string()))?);
        }
        let Scale { space, cards } = &self.0.scale;
        let shelf = Shelf::new(version, &people, lists, cards, space);
        info!(version, people = shelf.people.len(), lists = shelf.lists.len(), erased, "gallery loaded");
        self.0.shelf.store(Arc::new(shelf));
        Ok(())
    }

    /// Gives what the store holds a version of its own. Whoever died in the middle of a change left a part of it there under
    /// the number of the version before, which others still search by.
    ///
    /// # Errors
    /// As for [`Gallery::open`], or the number cannot be written.
    pub fn renumber(&self) -> Result<(), Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed()
    }

    /// The version of what is searched now: counts all changes.
    pub fn version(&self) -> u64 {
        self.0.shelf.load().version
    }

    /// Everybody enrolled, without their templates.
    pub fn people(&self) -> Vec<Known> {
        self.0.shelf.load().people.values().cloned().collect()
    }

    /// What somebody is called; `None` when nobody has this id.
    pub fn name(&self, id: &str) -> Option<String> {
        self.0.shelf.load().people.get(id).map(|known| known.name.clone())
    }

    /// Every watch-list, its threshold filled in.
    pub fn lists(&self) -> Vec<v1::Watchlist> {
        self.0.shelf.load().lists.values().map(|list| v1::Watchlist::clone(list)).collect()
    }

    /// Who a face may be, of the people on lists that are in force.
    pub fn search(&self, probe: &Embedding) -> Search {
        self.0.shelf.load().search(probe, (self.0.clock)())
    }

    /// Whether anybody is on a list that is in force.
    pub fn looks_for_anybody(&self) -> bool {
        self.0.shelf.load().looks_for_anybody((self.0.clock)())
    }

    /// The enrolled person who is most alike, whatever list they are on, with the similarity: to warn before somebody is
    /// enrolled twice.
    pub fn resembles(&self, probe: &Embedding) -> Option<(String, f32)> {
        self.0.shelf.load().resembles(probe)
    }

    /// The card of an embedding space.
    pub fn card(&self, space: &str) -> Option<&Card> {
        self.0.scale.cards.get(space)
    }

    /// The system's clock, in microseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.0.clock)()
    }

    /// The store that everything lies in.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// Somebody with their templates; `None` when nobody has this id.
    ///
    /// # Errors
    /// The store or the key cannot be read, or the row was changed.
    pub fn read(&self, id: &str) -> Result<Option<Person>, Error> {
        Ok(self.row(id)?.map(|(person, _)| person))
    }

    /// The key of a person; `None` when they were erased.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn key(&self, id: &str) -> Result<Option<Key>, Error> {
        Ok(self.0.keys.get(id)?)
    }

    fn row(&self, id: &str) -> Result<Option<(Person, Vec<u8>)>, Error> {
        let Some(body) = self.0.store.get(&table::PEOPLE, id, &[])? else { return Ok(None) };
        let Some(key) = self.0.keys.get(id)? else { return Ok(None) };
        let person = Person::unseal(id, &body, &key).ok_or_else(|| Error::Sealed(id.to_owned()))?;
        Ok(Some((person, body)))
    }

    /// Adds somebody, with the stills to keep of them (JPEG), and puts them on lists. Answers their id. Their row is what
    /// makes them enrolled: a process that dies before it leaves nothing that is ever read.
    ///
    /// # Errors
    /// The name is taken, a list is not there, or it cannot be written.
    pub fn add(&self, person: Person, stills: &[Vec<u8>], lists: &[String]) -> Result<String, Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh()?;
        self.may_be_added(&[&person], lists)?;
        let id = self.write(person, stills)?;
        for list in lists {
            self.change_list(list, |list| list.members.push(id.clone()))?;
        }
        self.changed()?;
        Ok(id)
    }

    /// Adds many at once. Answers their ids, in order. A process that dies meanwhile has added some of them, each whole.
    ///
    /// # Errors
    /// As for [`Gallery::add`]; nobody is added when a name is taken, or given twice.
    pub fn add_all(&self, people: Vec<Person>, lists: &[String]) -> Result<Vec<String>, Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh()?;
        self.may_be_added(&people.iter().collect::<Vec<_>>(), lists)?;
        let ids = people.into_iter().map(|person| self.write(person, &[])).collect::<Result<Vec<_>, _>>()?;
        for list in lists {
            self.change_list(list, |list| list.members.extend(ids.iter().cloned()))?;
        }
        self.changed()?;
        Ok(ids)
    }

    fn may_be_added(&self, people: &[&Person], lists: &[String]) -> Result<(), Error> {
        let shelf = self.0.shelf.load();
        let mut names: BTreeSet<&str> = shelf.people.values().map(|known| known.name.as_str()).collect();
        if let Some(taken) = people.iter().find(|person| !names.insert(&person.name)) {
            return Err(Error::Refused(format!("name: `{}` is enrolled already", taken.name)));
        }
        if let Some(unknown) = lists.iter().find(|list| !shelf.lists.contains_key(*list)) {
            return Err(Error::Refused(format!("lists: there is no watch-list `{unknown}`")));
        }
        Ok(())
    }

    /// Key, stills and row, in this order.
    fn write(&self, mut person: Person, stills: &[Vec<u8>]) -> Result<String, Error> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| Error::Refused(format!("draw an id: {error}")))?;
        person.id = hex::encode(id);
        person.stills = u32::try_from(stills.len()).unwrap_or(u32::MAX);
        let key = self.0.keys.make(&person.id)?;
        for (n, still) in stills.iter().enumerate() {
            self.0.store.write(&[StoredRow {
                table: table::PORTRAITS.name.to_owned(),
                partition: person.id.clone(),
                sort: (n as u32).to_be_bytes().to_vec(),
                time_us: person.enrolled_us,
                body: key.seal(still, context(&person.id, &format!("still/{n}")).as_bytes())?,
            }])?;
        }
        if !self.0.store.compare_and_set(&person_row(&person, &key)?, None)? {
            return Err(Error::Refused(format!("person {} is there already", person.id)));
        }
        Ok(person.id)
    }

    /// The stills kept of somebody, JPEG.
    ///
    /// # Errors
    /// They cannot be read or opened.
    pub fn stills(&self, id: &str) -> Result<Vec<Vec<u8>>, Error> {
        let Some(key) = self.0.keys.get(id)? else { return Ok(Vec::new()) };
        let rows = self.0.store.scan(&Scan::all(&table::PORTRAITS, id))?;
        let open = |(n, row): (usize, StoredRow)| {
            let clear = key.unseal(&row.body, context(id, &format!("still/{n}")).as_bytes());
            clear.map(|clear| clear.to_vec()).map_err(|_| Error::Sealed(id.to_owned()))
        };
        rows.into_iter().enumerate().map(open).collect()
    }

    /// Changes somebody.
    ///
    /// # Errors
    /// There is nobody with this id, `change` refuses, or it cannot be written.
    pub fn change(&self, id: &str, change: impl Fn(&mut Person) -> Result<(), Error>) -> Result<(), Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..TRIES {
            let (mut person, before) = self.row(id)?.ok_or_else(|| nobody(id))?;
            change(&mut person)?;
            let key = self.0.keys.get(id)?.ok_or_else(|| nobody(id))?;
            if self.0.store.compare_and_set(&person_row(&person, &key)?, Some(&before))? {
                return self.changed();
            }
        }
        Err(busy())
    }

    /// Says that two people are one: `same` counts as `person` from now on. Only the row of `same` changes, so that it
    /// is done or not done, and can be undone.
    ///
    /// # Errors
    /// One is not there, or they are one already.
    pub fn merge(&self, person: &str, same: &str) -> Result<(), Error> {
        self.change(same, |other| {
            let shelf = self.0.shelf.load();
            let kept = shelf.people.get(person).ok_or_else(|| nobody(person))?;
            if !kept.merged_into.is_empty() {
                return Err(Error::Refused(format!("person {person} was merged into {}", kept.merged_into)));
            }
            let others = shelf.people.values().any(|known| known.merged_into == same);
            if person == same || others {
                return Err(Error::Refused(format!(
                    "person {same}: others were merged into them, split those first"
                )));
            }
            if !other.merged_into.is_empty() {
                return Err(Error::Refused(format!("person {same} was merged into {}", other.merged_into)));
            }
            other.merged_into = person.to_owned();
            Ok(())
        })
    }

    /// Undoes [`Gallery::merge`].
    ///
    /// # Errors
    /// There is nobody with this id, or they were not merged.
    pub fn split(&self, person: &str) -> Result<(), Error> {
        self.change(person, |other| {
            if other.merged_into.is_empty() {
                return Err(Error::Refused(format!("person {person} was not merged into anybody")));
            }
            other.merged_into.clear();
            Ok(())
        })
    }

    /// Erases somebody, and whoever was merged into them: first the keys, which is what counts; then rows, which nobody
    /// can read any more.
    ///
    /// # Errors
    /// A key cannot be destroyed, or the store cannot be written; what is done stays done.
    pub fn erase(&self, id: &str) -> Result<(), Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh()?;
        let shelf = self.0.shelf.load_full();
        let merged = shelf.people.values().filter(|known| known.merged_into == id);
        let ids: Vec<String> = merged.map(|known| known.id.clone()).chain([id.to_owned()]).collect();
        for id in &ids {
            self.0.keys.destroy(id)?;
        }
        for list in shelf.lists.values() {
            if list.members.iter().any(|member| ids.contains(member)) {
                self.change_list(&list.id, |list| list.members.retain(|member| !ids.contains(member)))?;
            }
        }
        for id in &ids {
            for row in self.0.store.scan(&Scan::all(&table::PORTRAITS, id))? {
                self.0.store.delete(&table::PORTRAITS, id, &row.sort)?;
            }
            self.0.store.delete(&table::PEOPLE, id, &[])?;
        }
        self.changed()
    }

    /// Adds or changes a watch-list.
    ///
    /// # Errors
    /// A field is wrong, or it cannot be written.
    pub fn put_list(&self, list: v1::Watchlist, by: &str) -> Result<v1::Watchlist, Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh()?;
        let now_us = self.now();
        let known = |id: &str| self.0.shelf.load().people.contains_key(id);
        watchlist::validate(&list, now_us, known).map_err(Error::Refused)?;
        let list = v1::Watchlist { changed_us: now_us, changed_by: by.to_owned(), threshold: 0.0, ..list };
        self.0.store.write(&[list_row(&list)])?;
        self.changed()?;
        self.0.shelf.load().lists.get(&list.id).map(|list| v1::Watchlist::clone(list)).ok_or_else(busy)
    }

    /// Removes a watch-list; nobody is searched for because of it any more.
    ///
    /// # Errors
    /// There is none, or it cannot be written.
    pub fn remove_list(&self, id: &str) -> Result<(), Error> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.store.get(&table::WATCHLISTS, LISTS, id.as_bytes())?.is_none() {
            return Err(Error::Refused(format!("there is no watch-list `{id}`")));
        }
        self.0.store.delete(&table::WATCHLISTS, LISTS, id.as_bytes())?;
        self.changed()
    }

    fn change_list(&self, id: &str, change: impl Fn(&mut v1::Watchlist)) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.0.store.get(&table::WATCHLISTS, LISTS, id.as_bytes())?;
            let Some(before) = before else {
                warn!(list = id, "watch-list is gone, so nobody is put on it");
                return Ok(());
            };
            let mut list = v1::Watchlist::decode(before.as_slice())
                .map_err(|error| Error::List(id.to_owned(), error.to_string()))?;
            change(&mut list);
            if self.0.store.compare_and_set(&list_row(&list), Some(&before))? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Tells every process that something changed, and takes it over here.
    fn changed(&self) -> Result<(), Error> {
        store::next_term(&*self.0.store, CHANGES)?;
        self.load()
    }
}

fn person_row(person: &Person, key: &Key) -> Result<StoredRow, Error> {
    Ok(StoredRow {
        table: table::PEOPLE.name.to_owned(),
        partition: person.id.clone(),
        sort: Vec::new(),
        time_us: person.enrolled_us,
        body: person.seal(key)?,
    })
}

fn list_row(list: &v1::Watchlist) -> StoredRow {
    StoredRow {
        table: table::WATCHLISTS.name.to_owned(),
        partition: LISTS.to_owned(),
        sort: list.id.as_bytes().to_vec(),
        time_us: list.changed_us,
        body: list.encode_to_vec(),
    }
}

fn nobody(id: &str) -> Error {
    Error::Refused(format!("nobody has the id `{id}`"))
}

fn busy() -> Error {
    Error::Refused("somebody else changes the same entry: try again".to_owned())
}
