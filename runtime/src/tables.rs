//! Cameras, zones and rules as every stage sees them: one value, replaced as a whole.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cortex_proto::{
    Message, topics,
    v1::{self, config_entry::Entry},
};
use tracing::warn;

use crate::{
    bus::{self, From, Record, Take},
    context::Context,
    stage::Fatal,
};

/// The control plane at one moment.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// By id; deleted ones are not here.
    pub cameras: BTreeMap<String, v1::Camera>,
    /// By camera and id.
    pub zones: BTreeMap<(String, String), v1::Zone>,
    /// By id.
    pub rules: BTreeMap<String, v1::Rule>,
    /// Partition and site of every camera that ever was, by id: they are chosen once and outlive the camera.
    pub places: BTreeMap<String, (u32, String)>,
    /// Counts the changes of the gallery.
    pub gallery_version: u64,
    /// The highest version among zones and rules.
    pub rules_version: u64,
    /// The version of every entry, deleted ones included.
    versions: BTreeMap<Name, u64>,
}

/// What an entry is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Camera(String),
    /// Of a camera.
    Zone(String, String),
    Rule(String),
}

impl Tables {
    /// The site of a camera; `default` for one that nobody added.
    pub fn site(&self, camera: &str) -> &str {
        self.cameras.get(camera).map_or("default", |camera| &camera.site)
    }

    /// The partition of a camera: its own, or the hash of its id for one that nobody added.
    pub fn partition(&self, camera: &str) -> u32 {
        self.cameras.get(camera).map_or_else(|| topics::partition_of(camera), |camera| camera.partition)
    }

    /// Zones and lines of a camera.
    pub fn zones_of<'a>(&'a self, camera: &'a str) -> impl Iterator<Item = &'a v1::Zone> {
        self.zones.values().filter(move |zone| zone.camera == camera)
    }

    /// Rules that apply to a camera: those that name it, and those that name no camera and either no zone or a zone
    /// of this camera.
    pub fn rules_of<'a>(&'a self, camera: &'a str) -> impl Iterator<Item = &'a v1::Rule> {
        self.rules.values().filter(move |rule| {
            rule.camera == camera
                || (rule.camera.is_empty()
                    && (rule.zone.is_empty()
                        || self.zones.contains_key(&(camera.to_owned(), rule.zone.clone()))))
        })
    }

    /// The version of the latest change, whatever it was.
    pub fn version(&self) -> u64 {
        self.versions.values().copied().fold(self.gallery_version, u64::max)
    }

    /// Takes over every entry that is at least as new in `other`.
    pub fn merge(&mut self, other: &Self) {
        self.places.extend(other.places.clone());
        self.gallery_version = self.gallery_version.max(other.gallery_version);
        self.rules_version = self.rules_version.max(other.rules_version);
        for (name, version) in &other.versions {
            if self.versions.get(name).is_some_and(|own| own > version) {
                continue;
            }
            self.versions.insert(name.clone(), *version);
            match name {
                Name::Camera(id) => copy(id, &mut self.cameras, &other.cameras),
                Name::Zone(camera, id) => {
                    copy(&(camera.clone(), id.clone()), &mut self.zones, &other.zones);
                }
                Name::Rule(id) => copy(id, &mut self.rules, &other.rules),
            }
        }
    }

    /// Takes in one entry of topic `cameras`.
    pub fn take_camera(&mut self, camera: &v1::Camera) {
        self.versions.insert(Name::Camera(camera.id.clone()), camera.version);
        self.places.insert(camera.id.clone(), (camera.partition, camera.site.clone()));
        if camera.deleted {
            self.cameras.remove(&camera.id);
        } else {
            self.cameras.insert(camera.id.clone(), camera.clone());
        }
    }

    /// Takes in one entry of topic `config`.
    pub fn take_config(&mut self, entry: &v1::ConfigEntry) {
        match &entry.entry {
            Some(Entry::Zone(zone)) => {
                let key = (zone.camera.clone(), zone.id.clone());
                self.versions.insert(Name::Zone(key.0.clone(), key.1.clone()), zone.version);
                self.rules_version = self.rules_version.max(zone.version);
                if zone.deleted {
                    self.zones.remove(&key)
                } else {
                    self.zones.insert(key, zone.clone())
                };
            }
            Some(Entry::Rule(rule)) => {
                self.versions.insert(Name::Rule(rule.id.clone()), rule.version);
                self.rules_version = self.rules_version.max(rule.version);
                if rule.deleted {
                    self.rules.remove(&rule.id);
                } else {
                    self.rules.insert(rule.id.clone(), rule.clone());
                }
            }
            // Two fronts may give one number to two changes; each is one.
            Some(Entry::Gallery(change)) => {
                self.gallery_version = change.version.max(self.gallery_version + 1);
            }
            None => {}
        }
    }
}

/// Makes the entry of this key in `to` what it is in `from`.
fn copy<K: Clone + Ord, V: Clone>(key: &K, to: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>) {
    match from.get(key) {
        Some(entry) => drop(to.insert(key.clone(), entry.clone())),
        None => drop(to.remove(key)),
    }
}

/// Entries of the control plane read at once.
const READ: usize = 1024;

/// Reads the control plane to its end into `context.tables`, then keeps following it on a thread of its own.
pub fn follow(context: &Context) -> Result<(), Fatal> {
    let failed = |error: bus::Error| Fatal::new(format!("read the control plane: {error}"));
    let mut tail = context.bus.tail(&[&topics::CAMERAS, &topics::CONFIG], From::Start).map_err(failed)?;
    let mut tables = Tables::default();
    loop {
        let records = tail.next(Take { count: READ, wait: Duration::ZERO }).map_err(failed)?;
        if records.is_empty() {
            break;
        }
        records.iter().for_each(|record| tables.take(record));
    }
    context.tables.store(Arc::new(tables.clone()));
    let shared = Arc::clone(&context.tables);
    context.follow("tables", tail, move |records| {
        if !records.is_empty() {
            records.iter().for_each(|record| tables.take(record));
            shared.store(Arc::new(tables.clone()));
        }
    });
    Ok(())
}

impl Tables {
    fn take(&mut self, record: &Record) {
        let taken = if record.topic.noun == topics::CAMERAS.noun {
            v1::Camera::decode(&record.body.bytes()).map(|camera| self.take_camera(&camera))
        } else {
            v1::ConfigEntry::decode(&record.body.bytes()).map(|entry| self.take_config(&entry))
        };
        if let Err(error) = taken {
            warn!(topic = record.topic.noun, %error, "entry of the control plane left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(id: &str, version: u64) -> v1::Camera {
        v1::Camera { id: id.to_owned(), version, ..Default::default() }
    }

    #[test]
    fn what_another_front_deleted_is_gone_and_its_number_is_taken() {
        let mut own = Tables::default();
        own.take_camera(&camera("a", 1));
        own.take_camera(&camera("b", 2));
        let mut live = own.clone();
        own.take_camera(&camera("c", 3)); // not back from the bus yet
        live.take_camera(&v1::Camera { deleted: true, ..camera("b", 4) });
        own.merge(&live);
        assert_eq!(own.cameras.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(own.version(), 4);
    }

    #[test]
    fn two_changes_of_the_gallery_with_one_number_are_two() {
        let mut tables = Tables::default();
        for person in ["enrolled", "forgotten"] {
            let change = v1::GalleryChange { person: person.to_owned(), version: 1 };
            tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Gallery(change)) });
        }
        assert_eq!(tables.gallery_version, 2);
    }
}
