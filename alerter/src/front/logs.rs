use std::collections::HashMap;

use cortex_proto::{
    topics,
    v1::{self, log_service_server::LogService},
};
use cortex_runtime::{
    access::roles::SEE_NAMES,
    store::{Scan, table},
};
use futures::{StreamExt, stream};
use prost::Message;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};

use super::{Answers, Front, subject};
use crate::subscribe::blocking;

const MOST: usize = 500;

#[tonic::async_trait]
impl LogService for Front {
    type TailStream = Answers<v1::LogEntry>;

    async fn tail(&self, request: Request<v1::TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        let sees = sees_names(&request)?;
        let request = request.into_inner();
        // Attached before the store is read; what comes twice by that has the same id.
        let live = self.hub.log();
        let mut earlier = self.entries(request.kind, (request.backlog as usize).min(MOST), i64::MAX).await?;
        earlier.reverse();
        let heads: HashMap<u32, u64> =
            earlier.iter().map(|entry| (entry.partition, entry.sequence)).collect();
        let state = (self.clone(), live, heads, request.kind, sees);
        let after = stream::unfold(state, |(front, mut live, heads, kind, sees)| async move {
            let stop = front.context.stop();
            loop {
                let entry = tokio::select! {
                    entry = live.recv() => entry,
                    () = stop.cancelled() => return None,
                };
                match entry {
                    Ok(entry) => {
                        let news = entry.sequence > heads.get(&entry.partition).copied().unwrap_or(0);
                        if news && (kind == 0 || entry.kind == kind) {
                            let entry = front.named(v1::LogEntry::clone(&entry), sees).await;
                            return Some((Ok(entry), (front, live, heads, kind, sees)));
                        }
                    }
                    // A log is for looking, not for counting: what was missed is in the list.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let mut named = Vec::with_capacity(earlier.len());
        for entry in earlier {
            named.push(Ok(self.named(entry, sees).await));
        }
        Ok(Response::new(Box::pin(stream::iter(named).chain(after))))
    }

    async fn list(
        &self,
        request: Request<v1::ListLogRequest>,
    ) -> Result<Response<v1::ListLogResponse>, Status> {
        let sees = sees_names(&request)?;
        let request = request.into_inner();
        let limit = if request.limit == 0 { 100 } else { (request.limit as usize).min(MOST) };
        let before = if request.before_us == 0 { i64::MAX } else { request.before_us };
        let mut entries = Vec::new();
        for entry in self.entries(request.kind, limit, before).await? {
            entries.push(self.named(entry, sees).await);
        }
        Ok(Response::new(v1::ListLogResponse { entries }))
    }
}

impl Front {
    /// Stored entries of a kind (0 for all) before a time, newest first.
    async fn entries(&self, kind: i32, limit: usize, before_us: i64) -> Result<Vec<v1::LogEntry>, Status> {
        let store = self.context.store.clone();
        blocking(move || {
            let mut found = Vec::new();
            for partition in 0..topics::PARTITIONS {
                let rows = store.scan(&Scan::latest(&table::LOG, &partition.to_string(), MOST * 2))?;
                let entries = rows.iter().filter_map(|row| v1::LogEntry::decode(row.body.as_slice()).ok());
                let wanted =
                    |entry: &v1::LogEntry| (kind == 0 || entry.kind == kind) && entry.time_us < before_us;
                found.extend(entries.filter(wanted).take(limit));
            }
            found.sort_by_key(|entry: &v1::LogEntry| std::cmp::Reverse(entry.time_us));
            found.truncate(limit);
            Ok(found)
        })
        .await
    }

    /// An entry with the name of its person, for who may see it: messages carry ids only.
    async fn named(&self, mut entry: v1::LogEntry, sees: bool) -> v1::LogEntry {
        if sees
            && !entry.person.is_empty()
            && let Ok(people) = (self.hands.people)(v1::ListIdentitiesRequest {}).await
            && let Some(person) = people.people.into_iter().find(|person| person.id == entry.person)
        {
            entry.name = person.name;
        }
        entry
    }
}

/// Whether the caller may see people's names.
fn sees_names<T>(request: &Request<T>) -> Result<bool, Status> {
    Ok(subject(request)?.roles.iter().any(|role| SEE_NAMES.contains(role)))
}
