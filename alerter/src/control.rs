//! The control plane's only writer: validates, numbers, and publishes cameras, zones and rules.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_proto::{
    topics::{self, PARTITIONS},
    v1::{self, config_entry::Entry},
};
use cortex_runtime::{
    Context, Fatal, Tables,
    bus::Writer,
    config::{
        checks::{self, Wrong},
        entries::Entries,
    },
    runner::wall_clock,
    store::{Place, table},
};

/// Says what is wrong with a camera's address, given who names it, or nothing.
pub type CheckUrl = Arc<dyn Fn(&v1::Camera) -> Result<(), String> + Send + Sync>;
/// Says what is wrong with a rule, or nothing.
pub type CheckRule = Arc<dyn Fn(&v1::Rule, &Tables) -> Result<(), String> + Send + Sync>;

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(String),
    /// A file owns the entry.
    #[error("{0} comes from the configuration file and is changed there")]
    Owned(String),
    /// There is no such entry.
    #[error("there is no {0}")]
    Unknown(String),
    /// It cannot be made durable now.
    #[error("write the control plane: {0}")]
    Bus(#[from] cortex_runtime::bus::Error),
    /// Its place cannot be kept now.
    #[error("keep a camera's place: {0}")]
    Store(#[from] cortex_runtime::store::Error),
}

/// The writer. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    context: Context,
    check_url: CheckUrl,
    check_rule: CheckRule,
    /// Every entry as last written, and the version of the latest change.
    latest: Mutex<(Tables, u64)>,
}

impl Control {
    /// A writer that goes on from `context.tables`.
    pub fn new(context: Context, check_url: CheckUrl, check_rule: CheckRule) -> Self {
        let tables = Tables::clone(&context.tables.load());
        let version = tables.version();
        Self(Arc::new(Inner { context, check_url, check_rule, latest: Mutex::new((tables, version)) }))
    }

    /// Takes over the entries of a file: what changed is written, what is gone from it is deleted. All or nothing.
    pub fn load(&self, entries: &Entries) -> Result<(), Refused> {
        let mut trial = self.lock().0.clone();
        trial.cameras.retain(|_, camera| camera.origin() != v1::Origin::File);
        trial.zones.retain(|_, zone| zone.origin() != v1::Origin::File);
        trial.rules.retain(|_, rule| rule.origin() != v1::Origin::File);
        for camera in &entries.cameras {
            self.check_camera(camera)?;
            trial.take_camera(camera);
        }
        for zone in &entries.zones {
            // Its camera may come through the API later; until then nothing looks at the zone.
            first("zone", &zone.id, checks::zone(zone))?;
            trial.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone.clone())) });
        }
        for rule in &entries.rules {
            rule_id(rule)?;
            (self.0.check_rule)(rule, &trial)
                .map_err(|error| Refused::Invalid(format!("rule {}: {error}", rule.id)))?;
        }
        let before = self.lock().0.clone();
        for camera in before.cameras.values().filter(|camera| camera.origin() == v1::Origin::File) {
            if !entries.cameras.iter().any(|other| other.id == camera.id) {
                self.write_camera(v1::Camera { deleted: true, ..camera.clone() })?;
            }
        }
        for zone in before.zones.values().filter(|zone| zone.origin() == v1::Origin::File) {
            if !entries.zones.iter().any(|other| (&other.camera, &other.id) == (&zone.camera, &zone.id)) {
                self.write_entry(Entry::Zone(v1::Zone { deleted: true, ..zone.clone() }))?;
            }
        }
        for rule in before.rules.values().filter(|rule| rule.origin() == v1::Origin::File) {
            if !entries.rules.iter().any(|other| other.id == rule.id) {
                self.write_entry(Entry::Rule(v1::Rule { deleted: true, ..rule.clone() }))?;
            }
        }
        let file = v1::Origin::File as i32;
        for camera in &entries.cameras {
            self.write_camera(v1::Camera { origin: file, ..camera.clone() })?;
        }
        for zone in &entries.zones {
            self.write_entry(Entry::Zone(v1::Zone { origin: file, ..zone.clone() }))?;
        }
        for rule in &entries.rules {
            self.write_entry(Entry::Rule(v1::Rule { origin: file, ..rule.clone() }))?;
        }
        Ok(())
    }

    /// Adds or changes a camera.
    pub fn upsert_camera(&self, camera: v1::Camera) -> Result<v1::Camera, Refused> {
        // Who names it is known here and not asked.
        let camera = v1::Camera { origin: v1::Origin::Api as i32, deleted: false, ..camera };
        self.check_camera(&camera)?;
        owned(self.lock().0.cameras.get(&camera.id).map(v1::Camera::origin), || {
            format!("camera `{}`", camera.id)
        })?;
        self.write_camera(camera)
    }

    /// Removes a camera.
    pub fn delete_camera(&self, id: &str) -> Result<(), Refused> {
        let camera = self.lock().0.cameras.get(id).cloned();
        let camera = camera.ok_or_else(|| Refused::Unknown(format!("camera `{id}`")))?;
        if camera.origin() == v1::Origin::File {
            return Err(Refused::Owned(format!("camera `{id}`")));
        }
        self.write_camera(v1::Camera { deleted: true, ..camera }).map(drop)
    }

    /// Adds or changes a zone. Answers its version.
    pub fn upsert_zone(&self, zone: v1::Zone) -> Result<u64, Refused> {
        let tables = self.lock().0.clone();
        first("zone", &zone.id, checks::zone(&zone))?;
        if !tables.cameras.contains_key(&zone.camera) {
            return Err(Refused::Invalid(format!("zone {}: there is no camera `{}`", zone.id, zone.camera)));
        }
        owned(tables.zones.get(&(zone.camera.clone(), zone.id.clone())).map(v1::Zone::origin), || {
            format!("zone `{}`", zone.id)
        })?;
        self.write_entry(Entry::Zone(v1::Zone { origin: v1::Origin::Api as i32, deleted: false, ..zone }))
    }

    /// Removes a zone.
    pub fn delete_zone(&self, id: &v1::ZoneId) -> Result<(), Refused> {
        let zone = self.lock().0.zones.get(&(id.camera.clone(), id.id.clone())).cloned();
        let zone =
            zone.ok_or_else(|| Refused::Unknown(format!("zone `{}` on camera `{}`", id.id, id.camera)))?;
        owned(Some(zone.origin()), || format!("zone `{}`", id.id))?;
        self.write_entry(Entry::Zone(v1::Zone { deleted: true, ..zone })).map(drop)
    }

    /// Adds or changes a rule. Answers its version.
    pub fn upsert_rule(&self, rule: v1::Rule) -> Result<u64, Refused> {
        rule_id(&rule)?;
        let tables = self.lock().0.clone();
        (self.0.check_rule)(&rule, &tables).map_err(Refused::Invalid)?;
        owned(tables.rules.get(&rule.id).map(v1::Rule::origin), || format!("rule `{}`", rule.id))?;
        self.write_entry(Entry::Rule(v1::Rule { origin: v1::Origin::Api as i32, deleted: false, ..rule }))
    }

    /// Removes a rule.
    pub fn delete_rule(&self, id: &str) -> Result<(), Refused> {
        let rule =
            self.lock().0.rules.get(id).cloned().ok_or_else(|| Refused::Unknown(format!("rule `{id}`")))?;
        owned(Some(rule.origin()), || format!("rule `{id}`"))?;
        self.write_entry(Entry::Rule(v1::Rule { deleted: true, ..rule })).map(drop)
    }

    /// Says that the gallery changed.
    pub fn gallery_changed(&self, person: &str) -> Result<(), Refused> {
        let change = v1::GalleryChange { person: person.to_owned(), version: 0 };
        self.write_entry(Entry::Gallery(change)).map(drop)
    }

    /// Every entry as last written.
    pub fn tables(&self) -> Tables {
        self.lock().0.clone()
    }

    fn check_camera(&self, camera: &v1::Camera) -> Result<(), Refused> {
        first("camera", &camera.id, checks::camera(camera))?;
        let latest = self.lock();
        if let Some((_, site)) = latest.0.places.get(&camera.id)
            && !camera.site.is_empty()
            && *site != camera.site
        {
            return Err(Refused::Invalid(format!(
                "camera {}: site is `{site}` and never changes, also when it is deleted and added again: give it a new id",
                camera.id
            )));
        }
        drop(latest);
        (self.0.check_url)(camera).map_err(|error| Refused::Invalid(format!("camera {}: {error}", camera.id)))
    }

    fn write_camera(&self, mut camera: v1::Camera) -> Result<v1::Camera, Refused> {
        let mut latest = self.lock();
        let (tables, version) = &mut *latest;
        (camera.partition, camera.site) = match tables.places.get(&camera.id) {
            Some(place) => place.clone(),
            None => self.place(&camera, least_loaded(tables))?,
        };
        if let Some(known) = tables.cameras.get(&camera.id) {
            camera.version = known.version;
            if *known == camera {
                return Ok(camera);
            }
        }
        camera.version = *version + 1;
        self.0.context.publish(camera.clone(), topics::partition_of(&camera.id), &Writer::ANYBODY)?;
        *version += 1;
        tables.take_camera(&camera);
        Ok(camera)
    }

    /// Site and partition are chosen once for ever, by whichever front is first.
    fn place(&self, camera: &v1::Camera, partition: u32) -> Result<(u32, String), Refused> {
        let site = if camera.site.is_empty() { "default" } else { &camera.site };
        let place = Place { camera: camera.id.clone(), partition, site: site.to_owned() };
        let store = &self.0.context.store;
        if store.compare_and_set(&place.row(wall_clock()), None)? {
            return Ok((place.partition, place.site));
        }
        let taken = store.get(&table::PLACES, &camera.id, &[])?.unwrap_or_default();
        let place = Place::read(&camera.id, &taken).ok_or_else(|| {
            Refused::Invalid(format!("camera {}: its place in the store cannot be read", camera.id))
        })?;
        Ok((place.partition, place.site))
    }

    fn write_entry(&self, mut entry: Entry) -> Result<u64, Refused> {
        let mut latest = self.lock();
        let (tables, version) = &mut *latest;
        let unchanged = match &mut entry {
            Entry::Zone(zone) => {
                let known = tables.zones.get(&(zone.camera.clone(), zone.id.clone()));
                zone.version = known.map_or(0, |known| known.version);
                known == Some(zone)
            }
            Entry::Rule(rule) => {
                let known = tables.rules.get(&rule.id);
                rule.version = known.map_or(0, |known| known.version);
                known == Some(rule)
            }
            Entry::Gallery(_) => false,
        };
        if unchanged {
            return Ok(*version);
        }
        match &mut entry {
            Entry::Zone(zone) => zone.version = *version + 1,
            Entry::Rule(rule) => rule.version = *version + 1,
            Entry::Gallery(change) => change.version = *version + 1,
        }
        let message = v1::ConfigEntry { entry: Some(entry) };
        self.0.context.publish(message.clone(), topics::partition_of("config"), &Writer::ANYBODY)?;
        *version += 1;
        tables.take_config(&message);
        Ok(*version)
    }

    /// What was written last, by this front or another.
    fn lock(&self) -> MutexGuard<'_, (Tables, u64)> {
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (tables, version) = &mut *latest;
        tables.merge(&self.0.context.tables.load());
        *version = tables.version().max(*version);
        latest
    }
}

impl From<Refused> for Fatal {
    fn from(refused: Refused) -> Self {
        Self::new(refused)
    }
}

fn owned(origin: Option<v1::Origin>, what: impl Fn() -> String) -> Result<(), Refused> {
    if origin == Some(v1::Origin::File) { Err(Refused::Owned(what())) } else { Ok(()) }
}

/// The partition with the fewest cameras; of several one far from those chosen before.
fn least_loaded(tables: &Tables) -> u32 {
    let mut load: BTreeMap<u32, usize> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    tables.cameras.values().for_each(|camera| *load.entry(camera.partition).or_default() += 1);
    // Members of a group own runs of partitions that follow each other: bits read backwards put any two cameras that come one
    // after the other far apart, so that however many share a few, each has its part.
    let apart = |partition: u32| partition.reverse_bits() >> (u32::BITS - PARTITIONS.ilog2());
    load.into_iter()
        .min_by_key(|(partition, cameras)| (*cameras, apart(*partition)))
        .map_or(0, |(partition, _)| partition)
}

/// The first thing that is wrong with an entry.
fn first(what: &str, id: &str, wrong: Vec<Wrong>) -> Result<(), Refused> {
    match wrong.into_iter().next() {
        Some(Wrong { field, why }) => Err(Refused::Invalid(format!("{what} {id}: {field} {why}"))),
        None => Ok(()),
    }
}

fn rule_id(rule: &v1::Rule) -> Result<(), Refused> {
    checks::id(&rule.id).map_err(|why| Refused::Invalid(format!("rule {}: id {why}", rule.id)))
}
