use std::collections::HashMap;

use cortex_process::as_caller;
use cortex_proto::{
    topics,
    v1::{self, log_service_server::LogService},
};
use cortex_runtime::{
    access::{roles::SEE_NAMES, subject},
    store::{Scan, table},
};
use futures::{StreamExt, stream};
use prost::Message;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};

use super::{Answers, Front};
use crate::subscribe::blocking;

const MOST: usize = 500;

#[tonic::async_trait]
impl LogService for Front {
    type TailStream = Answers<v1::LogEntry>;

    async fn tail(&self, request: Request<v1::TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        let mut names = Names::for_caller(self, &request)?;
        let request = request.into_inner();
        // Attached before the store is read; what comes twice by that has the same id.
        let live = self.hub.log();
        let mut earlier = self.entries(request.kind, (request.backlog as usize).min(MOST), i64::MAX).await?;
        earlier.reverse();
        let heads: HashMap<u32, u64> =
            earlier.iter().map(|entry| (entry.partition, entry.sequence)).collect();
        let state = (names.afresh(), live, heads, request.kind);
        let after = stream::unfold(state, |(names, mut live, heads, kind)| async move {
            let stop = names.front.context.stop();
            loop {
                let entry = tokio::select! {
                    entry = live.recv() => entry,
                    () = stop.cancelled() => return None,
                };
                match entry {
                    Ok(entry) => {
                        let news = entry.sequence > heads.get(&entry.partition).copied().unwrap_or(0);
                        if news && (kind == 0 || entry.kind == kind) {
                            // Asked anew for each: somebody may have been forgotten since.
                            let entry = names.afresh().named(v1::LogEntry::clone(&entry)).await;
                            return Some((Ok(entry), (names, live, heads, kind)));
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
            named.push(Ok(names.named(entry).await));
        }
        Ok(Response::new(Box::pin(stream::iter(named).chain(after))))
    }

    async fn list(
        &self,
        request: Request<v1::ListLogRequest>,
    ) -> Result<Response<v1::ListLogResponse>, Status> {
        let mut names = Names::for_caller(self, &request)?;
        let request = request.into_inner();
        let limit = if request.limit == 0 { 100 } else { (request.limit as usize).min(MOST) };
        let before = if request.before_us == 0 { i64::MAX } else { request.before_us };
        let mut entries = Vec::new();
        for entry in self.entries(request.kind, limit, before).await? {
            entries.push(names.named(entry).await);
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
}

/// Names of people for one caller: messages carry ids only.
struct Names {
    front: Front,
    /// None for who may not see them, and once nobody answers.
    caller: Option<Request<()>>,
    known: HashMap<String, String>,
}

impl Names {
    fn for_caller<T>(front: &Front, request: &Request<T>) -> Result<Self, Status> {
        let sees = subject(request)?.roles.iter().any(|role| SEE_NAMES.contains(role));
        let caller = sees.then(|| as_caller(request, ()));
        Ok(Self { front: front.clone(), caller, known: HashMap::new() })
    }

    /// The same caller, nothing known.
    fn afresh(&self) -> Self {
        let caller = self.caller.as_ref().map(|caller| as_caller(caller, ()));
        Self { front: self.front.clone(), caller, known: HashMap::new() }
    }

    /// The entry with the name of its person.
    async fn named(&mut self, mut entry: v1::LogEntry) -> v1::LogEntry {
        if entry.person.is_empty() {
            return entry;
        }
        if let Some(name) = self.known.get(&entry.person) {
            entry.name.clone_from(name);
        } else if let Some(caller) = &self.caller {
            let request = as_caller(caller, v1::NameRequest { person: entry.person.clone() });
            match (self.front.hands.recognition.name)(request).await {
                Ok(found) => {
                    self.known.insert(entry.person.clone(), found.name.clone());
                    entry.name = found.name;
                }
                // The log is shown without names, and at once.
                Err(_) => self.caller = None,
            }
        }
        entry
    }
}
