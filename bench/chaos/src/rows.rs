//! Reads the store's rows from outside, without Cortex's own engine.

use anyhow::Context;
use cortex_proto::{Message as _, v1};
use futures::StreamExt as _;
use scylla::client::session_builder::SessionBuilder;

use crate::{
    ledger::{Book, Row},
    record,
};

/// Writes down every row of detections, anomalies, identities and alerts.
pub(crate) async fn write(server: &str, keyspace: &str, book: &Book) -> anyhow::Result<()> {
    let session = SessionBuilder::new().known_node(server).user("cassandra", "cassandra").build().await?;
    for table in ["detections", "anomalies", "identities", "alerts"] {
        let statement = format!("SELECT body FROM \"{keyspace}\".\"{table}\"");
        let pages = session.query_iter(statement, ()).await.with_context(|| format!("read {table}"))?;
        let mut rows = pages.rows_stream::<(Vec<u8>,)>()?;
        while let Some(row) = rows.next().await {
            let (body,) = row?;
            let row = match table {
                "detections" => record::seen(&v1::Detections::decode(&body)?).map(Row::Seen),
                "anomalies" => Some(Row::Anomaly(record::anomaly(&v1::Anomaly::decode(&body)?))),
                "identities" => Some(Row::Identity(record::identity(&v1::Identity::decode(&body)?))),
                _ => Some(Row::Alert(record::alert(&v1::Alert::decode(&body)?))),
            };
            book.write(&row.context("a row names no frame")?)?;
        }
    }
    Ok(())
}
