//! The control plane's only writer: validates, numbers, and publishes cameras, zones and rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_proto::{
    topics::{self, PARTITIONS},
    v1::{self, config_entry::Entry},
};
use cortex_runtime::{Context, Fatal, Tables, bus::Writer, config::entries::Entries};

/// Says what is wrong with a camera's address, or nothing.
pub type CheckUrl = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;
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
        let versions = tables.cameras.values().map(|camera| camera.version).chain([tables.rules_version]);
        let version = versions.max().unwrap_or(0);
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
            check_zone(zone, &trial)?;
            trial.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone.clone())) });
        }
        for rule in &entries.rules {
            check_id("rule", &rule.id)?;
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
        self.check_camera(&camera)?;
        let known = self.lock().0.cameras.get(&camera.id).map(v1::Camera::origin);
        if known == Some(v1::Origin::File) {
            return Err(Refused::Owned(format!("camera `{}`", camera.id)));
        }
        self.write_camera(v1::Camera { origin: v1::Origin::Api as i32, deleted: false, ..camera })
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
        check_zone(&zone, &tables)?;
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
        check_id("rule", &rule.id)?;
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
        let version = self.lock().0.gallery_version + 1;
        let change = v1::GalleryChange { person: person.to_owned(), version };
        self.write_entry(Entry::Gallery(change)).map(drop)
    }

    /// Every entry as last written.
    pub fn tables(&self) -> Tables {
        self.lock().0.clone()
    }

    fn check_camera(&self, camera: &v1::Camera) -> Result<(), Refused> {
        check_id("camera", &camera.id)?;
        if !camera.site.is_empty() {
            check_id("site", &camera.site)?;
        }
        if !(0.0..=60.0).contains(&camera.rate) {
            return Err(Refused::Invalid(format!(
                "camera {}: rate must be 0 to 60 pictures a second",
                camera.id
            )));
        }
        (self.0.check_url)(&camera.url)
            .map_err(|error| Refused::Invalid(format!("camera {}: {error}", camera.id)))
    }

    fn write_camera(&self, mut camera: v1::Camera) -> Result<v1::Camera, Refused> {
        let mut latest = self.lock();
        let (tables, version) = &mut *latest;
        let known = tables.cameras.get(&camera.id);
        // Site and partition are chosen once.
        camera.partition = known.map_or_else(|| least_loaded(tables), |known| known.partition);
        camera.site = match known {
            Some(known) => known.site.clone(),
            None if camera.site.is_empty() => "default".to_owned(),
            None => camera.site,
        };
        if let Some(known) = known {
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
            Entry::Gallery(_) => {}
        }
        let message = v1::ConfigEntry { entry: Some(entry) };
        self.0.context.publish(message.clone(), topics::partition_of("config"), &Writer::ANYBODY)?;
        *version += 1;
        tables.take_config(&message);
        Ok(*version)
    }

    fn lock(&self) -> MutexGuard<'_, (Tables, u64)> {
        self.0.latest.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The partition with the fewest cameras; of several the first.
fn least_loaded(tables: &Tables) -> u32 {
    let mut load: BTreeMap<u32, usize> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    tables.cameras.values().for_each(|camera| *load.entry(camera.partition).or_default() += 1);
    load.into_iter()
        .min_by_key(|(partition, cameras)| (*cameras, *partition))
        .map_or(0, |(partition, _)| partition)
}

fn check_id(what: &str, id: &str) -> Result<(), Refused> {
    let fits =
        (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if fits {
        Ok(())
    } else {
        Err(Refused::Invalid(format!("{what} id `{id}`: 1 to 64 letters, digits, `-` and `_`")))
    }
}

fn check_zone(zone: &v1::Zone, tables: &Tables) -> Result<(), Refused> {
    check_id("zone", &zone.id)?;
    let wrong = |why: &str| Err(Refused::Invalid(format!("zone {}: {why}", zone.id)));
    if !tables.cameras.contains_key(&zone.camera) {
        return wrong(&format!("there is no camera `{}`", zone.camera));
    }
    let least = match zone.shape() {
        v1::Shape::Polygon => 3,
        v1::Shape::Line => 2,
        v1::Shape::Unspecified => return wrong("shape must be polygon or line"),
    };
    let places: BTreeSet<(u32, u32)> =
        zone.points.iter().map(|point| (point.x.to_bits(), point.y.to_bits())).collect();
    if places.len() < least || zone.points.len() > 64 {
        return wrong(&format!("needs {least} to 64 different points"));
    }
    let inside = |value: f32| (0.0..=1.0).contains(&value);
    if !zone.points.iter().all(|point| inside(point.x) && inside(point.y)) {
        return wrong("points must lie in the picture, 0 to 1");
    }
    Ok(())
}
