//! Who may log in is known to one node only when several begin; then that node's death would lock everybody out.

use scylla::{
    client::session_builder::SessionBuilder,
    statement::{Consistency, unprepared::Statement},
};

/// Brings the logins to so many nodes.
pub(crate) async fn spread(node: &str, copies: u32) -> anyhow::Result<()> {
    let session = SessionBuilder::new().known_node(node).user("cassandra", "cassandra").build().await?;
    let replication = format!("{{'class': 'SimpleStrategy', 'replication_factor': '{copies}'}}");
    let alter = format!("ALTER KEYSPACE system_auth WITH replication = {replication}");
    session.query_unpaged(alter, ()).await?;
    // A read that asks all of them gives the row to those that lack it.
    let mut read = Statement::new("SELECT * FROM system_auth.roles WHERE role = 'cassandra'");
    read.set_consistency(Consistency::All);
    session.query_unpaged(read, ()).await?;
    Ok(())
}
