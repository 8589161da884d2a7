//! A keyspace of a story's own on the CQL server that tests are given.

use std::{future::Future, sync::Arc};

use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    value::Row,
};
use tokio::runtime::Runtime;

use crate::{
    config::{Secret, Store as Config},
    store::{Cql, Store},
};

/// The user of the test server, and its password.
const LOGIN: &str = "cassandra";

/// A keyspace that is dropped with it.
pub struct Keyspace {
    /// How an engine is told of it. Copies are one, as is the server.
    pub config: Config,
    name: String,
    /// Taken when it is dropped, which may be on a thread that must not wait.
    runtime: Option<Runtime>,
    session: Session,
}

impl Keyspace {
    /// A new name; `story` begins it. Nothing is made yet.
    ///
    /// # Panics
    /// `CORTEX_TEST_CQL` names no server that answers.
    #[allow(clippy::disallowed_methods)] // the configuration is what it makes
    pub fn new(story: &str) -> Self {
        let server = std::env::var("CORTEX_TEST_CQL").expect(
            "CORTEX_TEST_CQL must name a CQL server, as host:port: `scripts/servers.sh run COMMAND` starts one for COMMAND",
        );
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).expect("the system has random numbers");
        let name = format!("{story}_{}", hex::encode(suffix));
        let config = Config {
            url: format!("scylla://{LOGIN}@{server}/{name}"),
            password: Secret::new(LOGIN),
            replication: 1,
            ..Config::default()
        };
        let runtime = Runtime::new().unwrap();
        let builder = SessionBuilder::new()
            .known_node(server)
            .user(LOGIN, LOGIN)
            .refresh_metadata_on_auto_schema_agreement(false);
        let session = block_on(&runtime, builder.build()).expect("the server of CORTEX_TEST_CQL answers");
        Self { config, name, runtime: Some(runtime), session }
    }

    /// An engine on it; the first call makes its tables.
    pub fn open(&self) -> Arc<dyn Store> {
        Cql::migrate(&self.config).unwrap();
        Arc::new(Cql::open(&self.config).unwrap())
    }

    /// Asks the server itself; `@` in a statement stands for the name. No rows where it answers none.
    pub fn query(&self, statement: &str) -> Vec<Row> {
        let runtime = self.runtime.as_ref().expect("it is there until the keyspace is dropped");
        let answer = self.session.query_unpaged(statement.replace('@', &self.name), ());
        match block_on(runtime, answer).unwrap().into_rows_result() {
            Ok(rows) => rows.rows::<Row>().unwrap().collect::<Result<_, _>>().unwrap(),
            Err(_) => Vec::new(),
        }
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        self.query("DROP KEYSPACE IF EXISTS @");
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits on a thread of its own: the caller's may belong to another runtime.
fn block_on<T: Send>(runtime: &Runtime, work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(work)).join().expect("the driver does not panic")
    })
}
