//! The keyspace and its tables, and how they become those of this version.
//!
//! Every statement may be repeated, and a version is claimed before it is made, so any number of processes may migrate at
//! once: a server may take two hands that make the same table at the same moment for makers of two tables.

use std::time::Duration;

use scylla::client::session::Session;

use super::{
    failure::{self, Failed},
    outcome::Outcome,
};
use crate::store::{
    Error,
    table::{self, Class, Retention, Table, Writes},
};

const MIGRATE: &str = "migrate the store";
/// Seconds after which a version is claimed anew: whoever claimed it is dead.
const CLAIM_S: u64 = 60;
/// How often it is looked whether somebody else has made a version.
const LOOK: Duration = Duration::from_millis(200);
/// Compaction windows in a retention. Expired windows go as whole files, so more waste less disk; each costs a file.
const WINDOWS: u64 = 25;
/// Seconds that rows stay after they expired, for servers that were away: three hours, as long as others keep hints for
/// them. The servers' own default is ten days, which would more than double what detections take.
const GRACE_S: u32 = 3 * 60 * 60;

/// What makes each version out of the one before it. The second has clips; what is there already stays.
const VERSIONS: [fn(&str, &Retention) -> Vec<String>; 2] = [tables, tables];

/// The version that this engine reads and writes.
pub(super) const VERSION: i32 = VERSIONS.len() as i32;

/// Every table and, for sequences, where their blocks are.
fn tables(keyspace: &str, retention: &Retention) -> Vec<String> {
    let mut all: Vec<String> = table::ALL.iter().map(|table| create(keyspace, table, retention)).collect();
    all.push(format!(
        "CREATE TABLE IF NOT EXISTS \"{keyspace}\".\"blocks\"
         (partition text, block bigint, PRIMARY KEY ((partition), block))"
    ));
    all
}

fn create(keyspace: &str, table: &Table, retention: &Retention) -> String {
    let (block, key) = match table.writes {
        Writes::Once => (" block bigint,", "partition, block"),
        Writes::Changing | Writes::Fact => ("", "partition"),
    };
    let options = match (table.class, retention.keeps(table)) {
        (Class::State, _) | (_, None) => String::new(),
        (_, Some(keeps)) => format!(
            " WITH compaction = {{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'MINUTES',
              'compaction_window_size': '{}'}} AND default_time_to_live = {} AND gc_grace_seconds = {GRACE_S}",
            window(keeps),
            keeps.as_secs().max(1)
        ),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS \"{keyspace}\".\"{}\"
         (partition text,{block} sort blob, time_us bigint, body blob, PRIMARY KEY (({key}), sort)){options}",
        table.name
    )
}

/// Minutes of a compaction window.
fn window(keeps: Duration) -> u64 {
    (keeps.as_secs() / 60).div_ceil(WINDOWS).max(1)
}

/// The version of a keyspace; `None` when there is no such keyspace.
pub(super) async fn version(session: &Session, keyspace: &str) -> Result<Option<i32>, Error> {
    let made = session
        .get_cluster_state()
        .get_keyspace(keyspace)
        .map(|keyspace| keyspace.tables.contains_key("versions"));
    match made {
        None => Ok(None),
        Some(false) => Ok(Some(0)),
        Some(true) => {
            let made = made_versions(session, keyspace).await?;
            Ok(Some(made.into_iter().max().unwrap_or_default()))
        }
    }
}

async fn made_versions(session: &Session, keyspace: &str) -> Result<Vec<i32>, Error> {
    const READ: &str = "read the store's version";
    let statement = format!("SELECT version, made FROM \"{keyspace}\".\"versions\" WHERE name = 'cortex'");
    let result = session.query_unpaged(statement, ()).await.failed(READ)?.into_rows_result().failed(READ)?;
    let mut made = Vec::new();
    for row in result.rows::<(i32, bool)>().failed(READ)? {
        let (version, done) = row.failed(READ)?;
        if done {
            made.push(version);
        }
    }
    Ok(made)
}

/// Brings a keyspace to this version, and makes it when it is not there. Answers the versions that were made.
pub(super) async fn migrate(
    session: &Session,
    keyspace: &str,
    replication: u32,
    retention: &Retention,
) -> Result<Vec<i32>, Error> {
    if let Some(newer) = version(session, keyspace).await?.filter(|version| *version > VERSION) {
        return Err(written_by_newer(MIGRATE, keyspace, newer));
    }
    change(
        session,
        format!(
            "CREATE KEYSPACE IF NOT EXISTS \"{keyspace}\" WITH replication =
             {{'class': 'NetworkTopologyStrategy', 'replication_factor': '{replication}'}}"
        ),
    )
    .await?;
    change(
        session,
        format!(
            "CREATE TABLE IF NOT EXISTS \"{keyspace}\".\"versions\"
             (name text, version int, made boolean, PRIMARY KEY ((name), version))"
        ),
    )
    .await?;
    let mut made = Vec::new();
    for (version, statements) in (1..).zip(VERSIONS) {
        if claim(session, keyspace, version).await? {
            for statement in statements(keyspace, retention) {
                change(session, statement).await?;
            }
            finish(session, keyspace, version).await?;
            made.push(version);
        }
    }
    Ok(made)
}

/// Whether this version is ours to make; `false` when it is made already, after a wait if somebody is at it.
async fn claim(session: &Session, keyspace: &str, version: i32) -> Result<bool, Error> {
    let statement = format!(
        "INSERT INTO \"{keyspace}\".\"versions\" (name, version, made) VALUES ('cortex', {version}, false)
         IF NOT EXISTS USING TTL {CLAIM_S}"
    );
    loop {
        let result = session.query_unpaged(statement.as_str(), ()).await.failed(MIGRATE)?;
        let claimed = Outcome::read(MIGRATE, result)?;
        if claimed.applied {
            return Ok(true);
        }
        if claimed.flag("made") {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn finish(session: &Session, keyspace: &str, version: i32) -> Result<(), Error> {
    let statement = format!(
        "UPDATE \"{keyspace}\".\"versions\" SET made = true WHERE name = 'cortex' AND version = {version}
         IF made = false"
    );
    let result = session.query_unpaged(statement, ()).await.failed(MIGRATE)?;
    if Outcome::read(MIGRATE, result)?.applied {
        return Ok(());
    }
    Err(Error::engine(MIGRATE, format!("version {version} took longer than {CLAIM_S} s: run it again")))
}

/// Carries out a statement that changes the schema. The driver waits until every server knows.
async fn change(session: &Session, statement: String) -> Result<(), Error> {
    match session.query_unpaged(statement, ()).await {
        Ok(_) => Ok(()),
        Err(error) if failure::exists_already(&error) => Ok(()),
        Err(error) => Err(error).failed(MIGRATE),
    }
}

/// Why a keyspace cannot be used by this engine; `Ok` when it can.
pub(super) async fn check(session: &Session, keyspace: &str) -> Result<(), Error> {
    const OPEN: &str = "open the store";
    match version(session, keyspace).await? {
        None => Err(Error::engine(
            OPEN,
            format!("keyspace `{keyspace}` is not there: run `cortex store migrate`"),
        )),
        Some(older) if older < VERSION => Err(Error::engine(
            OPEN,
            format!(
                "keyspace `{keyspace}` is of version {older}, this cortex needs {VERSION}: run `cortex store migrate`"
            ),
        )),
        Some(newer) if newer > VERSION => Err(written_by_newer(OPEN, keyspace, newer)),
        Some(_) => Ok(()),
    }
}

fn written_by_newer(attempt: &'static str, keyspace: &str, newer: i32) -> Error {
    Error::engine(
        attempt,
        format!(
            "keyspace `{keyspace}` was written by a newer cortex: it is of version {newer}, this one knows {VERSION}: update \
             this one"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_has_twenty_to_thirty_windows() {
        for days in [0.5, 1.0, 7.0, 30.0, 90.0, 3650.0] {
            let keeps = Duration::from_secs_f64(days * 86_400.0);
            let windows = keeps.as_secs().div_ceil(window(keeps) * 60);
            assert!((20..=30).contains(&windows), "{windows} in {days} days");
        }
    }
}
