//! The statements of a table, prepared once. The driver sends each to a server that has the row.
//!
//! | rows | a write is acknowledged by | a read asks |
//! |---|---|---|
//! | stills | one copy: a picture may be missed, and its writer must not wait for a server that is away | most copies |
//! | everything else | most copies, so it outlives any one server | most copies, so it sees what was acknowledged |
//!
//! Every copy is written in any case; this is only who is waited for. What is compared and set (terms, a camera's
//! place, sequences of alerts, of the log's lines, of the audit's links and of decisions, enrolment, credentials that count once)
//! is agreed among the copies first (LOCAL_SERIAL).

use scylla::{
    client::session::Session,
    statement::{Consistency, SerialConsistency, Statement, prepared::PreparedStatement},
};

use super::failure::Failed;
use crate::store::{
    Error,
    table::{Class, Table, Writes},
};

const PREPARE: &str = "prepare the store's statements";
/// Rows of a page; a still has up to 3 MB.
const PAGE: i32 = 500;
const PAGE_OF_STILLS: i32 = 8;

/// What is done with one table.
pub(super) struct Statements {
    /// Key, time, body, life, and of facts the moment that orders writes.
    pub(super) write: PreparedStatement,
    /// Key, time, body, life; not where something is.
    pub(super) insert: PreparedStatement,
    /// The same, for one that must know whether it was the one: sent twice, it would be refused by its own first
    /// success, so the driver never does.
    pub(super) create: PreparedStatement,
    /// Life, time, body, key, expected body; likewise.
    pub(super) replace: PreparedStatement,
    /// Key.
    pub(super) get: PreparedStatement,
    /// Key.
    pub(super) delete: PreparedStatement,
    /// Two tokens: rows after the first, up to the second.
    pub(super) ring: PreparedStatement,
    /// Partition, first place, place after the last where there is one, limit; by descending, then bounded.
    scans: [[PreparedStatement; 2]; 2],
}

impl Statements {
    pub(super) async fn prepare(session: &Session, keyspace: &str, table: &Table) -> Result<Self, Error> {
        let name = format!("\"{keyspace}\".\"{}\"", table.name);
        let (columns, marks, place) = match table.writes {
            Writes::Once => ("partition, block", "?, ?", "partition = ? AND block = ?"),
            Writes::Changing | Writes::Fact => ("partition", "?", "partition = ?"),
        };
        let into = format!("INSERT INTO {name} ({columns}, sort, time_us, body) VALUES ({marks}, ?, ?, ?)");
        let moment = if table.writes == Writes::Fact { " AND TIMESTAMP ?" } else { "" };
        let row = format!("{place} AND sort = ?");
        let prepare = async |text: String| {
            let page = if table.class == Class::Stills { PAGE_OF_STILLS } else { PAGE };
            let mut statement =
                session.prepare(Statement::new(text).with_page_size(page)).await.failed(PREPARE)?;
            statement.set_consistency(Consistency::LocalQuorum);
            statement.set_is_idempotent(true);
            Ok::<_, Error>(statement)
        };
        let scan = async |descending: bool, bounded: bool| {
            let to = if bounded { " AND sort < ?" } else { "" };
            let order = if descending { "DESC" } else { "ASC" };
            prepare(format!(
                "SELECT sort, time_us, body FROM {name} WHERE {place} AND sort >= ?{to} ORDER BY sort {order} LIMIT ?"
            ))
            .await
        };
        let insert = prepare(format!("{into} IF NOT EXISTS USING TTL ?")).await?;
        let mut all = Self {
            write: prepare(format!("{into} USING TTL ?{moment}")).await?,
            create: insert.clone(),
            insert,
            replace: prepare(format!(
                "UPDATE {name} USING TTL ? SET time_us = ?, body = ? WHERE {row} IF body = ?"
            ))
            .await?,
            get: prepare(format!("SELECT body FROM {name} WHERE {row}")).await?,
            delete: prepare(format!("DELETE FROM {name} WHERE {row}")).await?,
            ring: prepare(format!(
                "SELECT partition, sort, time_us, body FROM {name} WHERE token({columns}) > ? AND token({columns}) <= ?"
            ))
            .await?,
            scans: [
                [scan(false, false).await?, scan(false, true).await?],
                [scan(true, false).await?, scan(true, true).await?],
            ],
        };
        if table.class == Class::Stills {
            all.write.set_consistency(Consistency::LocalOne);
        }
        for conditional in [&mut all.insert, &mut all.create, &mut all.replace] {
            conditional.set_serial_consistency(Some(SerialConsistency::LocalSerial));
        }
        for once in [&mut all.create, &mut all.replace] {
            once.set_is_idempotent(false);
        }
        Ok(all)
    }

    pub(super) fn scan(&self, descending: bool, bounded: bool) -> &PreparedStatement {
        &self.scans[usize::from(descending)][usize::from(bounded)]
    }
}
