//! The front and the control plane on engines in memory, with a store whose audit can be made to fail.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // a broken promise ends the test; every story uses a part

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use cortex_alerter::{Control, Front, Hands, Hub};
use cortex_proto::{Message, v1};
use cortex_runtime::{
    Context, Lifecycle, Tables,
    access::{Access, Role, Settings, Subject},
    audit::Auditor,
    bus::{Embedded, Full},
    runner::wall_clock,
    store::{Error, Retention, Scan, Sqlite, Store, StoredRow, Table, table},
};
use tonic::{Request, Status};

/// A store that can refuse the audit.
pub struct Fragile {
    inner: Sqlite,
    pub broken: AtomicBool,
}

pub struct Room {
    pub context: Context,
    pub control: Control,
    pub front: Front,
    pub store: Arc<Fragile>,
    /// Calls of other stages' hands.
    pub handed: Arc<AtomicUsize>,
}

impl Room {
    pub fn new() -> Self {
        let handed = Arc::new(AtomicUsize::new(0));
        let mut room = Self::with(hands(&handed));
        room.handed = handed;
        room
    }

    /// The same with other stages that answer something.
    pub fn with(hands: Hands) -> Self {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let inner = Sqlite::open(None, retention).unwrap();
        let store = Arc::new(Fragile { inner, broken: AtomicBool::new(false) });
        let context = Context {
            bus: Arc::new(Embedded::open(None, Full::Shed).unwrap()),
            store: Arc::clone(&store) as Arc<dyn Store>,
            tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
            lifecycle: Lifecycle::new(tokio::runtime::Handle::current()),
        };
        let control = Control::new(
            context.clone(),
            Arc::new(|camera| {
                let from_file = camera.origin() == v1::Origin::File;
                if camera.url.starts_with("file:") && !from_file {
                    Err("no files".to_owned())
                } else {
                    Ok(())
                }
            }),
            Arc::new(|rule, _| if rule.kind == "entry" { Ok(()) } else { Err("kind: unknown".to_owned()) }),
        );
        let clock = Arc::new(wall_clock);
        let audit =
            Auditor::open(context.store.clone(), context.bus.clone(), "front", Arc::clone(&clock) as _)
                .unwrap();
        let settings = Settings { store: context.store.clone(), audit, clock, hosts: Vec::new(), tls: false };
        let hub = Hub::start(&context).unwrap();
        let access = Access::new(settings);
        let front = Front::new(context.clone(), hub, control.clone(), hands, access);
        Self { context, control, front, store, handed: Arc::default() }
    }

    /// Subject, action and object of every link of the audit.
    pub fn audited(&self) -> Vec<(String, String, String)> {
        let rows = self.store.inner.scan(&Scan::table(&table::AUDIT)).unwrap();
        let links = rows.iter().map(|row| <v1::Audit as Message>::decode(&row.body).unwrap());
        links.map(|link| (link.subject, link.action, link.object)).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.context.stop().cancel();
    }
}

/// A request of an administrator whose name is `ada`.
pub fn by_ada<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Subject { name: "ada".into(), roles: vec![Role::Administrator] });
    request
}

/// A camera that the API adds.
pub fn camera(id: &str, site: &str) -> v1::Camera {
    v1::Camera { id: id.into(), site: site.into(), url: "test://pattern".into(), ..Default::default() }
}

pub fn hands(handed: &Arc<AtomicUsize>) -> Hands {
    fn answer<Q: Send + 'static, R: Default + Send + 'static>(
        handed: &Arc<AtomicUsize>,
    ) -> cortex_process::Call<Q, R> {
        let handed = Arc::clone(handed);
        Arc::new(move |_| {
            handed.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok::<R, Status>(R::default()) })
        })
    }
    Hands {
        probe: answer(handed),
        redact: answer(handed),
        recognition: cortex_process::Recognition {
            embed: answer(handed),
            enrol: answer(handed),
            import: answer(handed),
            people: answer(handed),
            forget: answer(handed),
            name: answer(handed),
            merge: answer(handed),
            split: answer(handed),
            check: answer(handed),
            renew: answer(handed),
            sightings: answer(handed),
            strangers: answer(handed),
            ignore: answer(handed),
            assign: answer(handed),
            lists: answer(handed),
            put_list: answer(handed),
            remove_list: answer(handed),
            matches: answer(handed),
            decide: answer(handed),
            reveal: answer(handed),
        },
    }
}

impl Store for Fragile {
    fn write(&self, rows: &[StoredRow]) -> Result<(), Error> {
        self.inner.write(rows)
    }

    fn insert(&self, row: &StoredRow) -> Result<bool, Error> {
        if row.table == table::AUDIT.name && self.broken.load(Ordering::Relaxed) {
            return Err(Error::Full { attempt: "insert a row" });
        }
        self.inner.insert(row)
    }

    fn compare_and_set(&self, row: &StoredRow, expected: Option<&[u8]>) -> Result<bool, Error> {
        self.inner.compare_and_set(row, expected)
    }

    fn get(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.get(table, partition, sort)
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<StoredRow>, Error> {
        self.inner.scan(scan)
    }

    fn delete(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<(), Error> {
        self.inner.delete(table, partition, sort)
    }

    fn sweep(&self, now_us: i64) -> Result<Vec<(&'static str, u64)>, Error> {
        self.inner.sweep(now_us)
    }
}
