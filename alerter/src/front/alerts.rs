use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use cortex_proto::{
    topics,
    v1::{self, alert_service_server::AlertService},
};
use cortex_runtime::{
    access::subject,
    bus::Writer,
    runner::wall_clock,
    store::{Scan, table},
};
use futures::stream;
use prost::Message;
use tokio::{sync::broadcast::error::RecvError, task::spawn_blocking, time::timeout};
use tonic::{Request, Response, Status};

use super::{Answers, Front};
use crate::subscribe::{Subscription, blocking, passes};

/// How long an act waits for its revision.
const ANSWER: Duration = Duration::from_secs(5);
/// Revisions of a site's partition that are looked through for an alert whose owner does not answer.
const LOOKED_AT: usize = 2_000;
/// Characters of a comment.
const COMMENT: usize = 2_000;

#[tonic::async_trait]
impl AlertService for Front {
    type SubscribeStream = Answers<v1::SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let subscription =
            Subscription::open(&self.hub, self.context.store.clone(), request.into_inner()).await?;
        let stop = self.context.stop();
        let answers = stream::unfold((subscription, stop), |(mut subscription, stop)| async move {
            let next = tokio::select! {
                next = subscription.next() => next,
                () = stop.cancelled() => None,
            };
            next.map(|next| (next, (subscription, stop)))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn list(
        &self,
        request: Request<v1::ListAlertsRequest>,
    ) -> Result<Response<v1::ListAlertsResponse>, Status> {
        let request = request.into_inner();
        let filter = request.filter.unwrap_or_default();
        let limit = if request.limit == 0 { 100 } else { request.limit.min(500) } as usize;
        let before = if request.before_us == 0 { i64::MAX } else { request.before_us };
        let store = self.context.store.clone();
        let alerts = blocking(move || {
            let mut found = Vec::new();
            for partition in 0..topics::PARTITIONS {
                let place = partition.to_string();
                // Revisions of one alert lie close together; ten each is more than most have.
                let rows = store.scan(&Scan::latest(&table::ALERTS, &place, limit * 10))?;
                let mut latest = HashSet::new();
                let alerts = rows.iter().filter_map(|row| v1::Alert::decode(row.body.as_slice()).ok());
                found.extend(alerts.filter(|alert| {
                    latest.insert(alert.id.clone()) && alert.first_us < before && passes(&filter, alert)
                }));
                // Partition by partition, so that no more is held than is asked for and one partition has.
                found.sort_by_key(|alert: &v1::Alert| std::cmp::Reverse(alert.first_us));
                found.truncate(limit);
            }
            Ok(found)
        });
        Ok(Response::new(v1::ListAlertsResponse { alerts: alerts.await? }))
    }

    async fn precision(
        &self,
        request: Request<v1::PrecisionRequest>,
    ) -> Result<Response<v1::PrecisionResponse>, Status> {
        let since_us = request.into_inner().since_us;
        let store = self.context.store.clone();
        let rules = blocking(move || {
            let mut rules: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
            for row in store.scan(&Scan::table(&table::VERDICTS))? {
                let Ok(verdict) = v1::Verdict::decode(row.body.as_slice()) else { continue };
                if verdict.time_us >= since_us {
                    let (all, wrong) = rules.entry((verdict.rule, verdict.camera)).or_default();
                    *all += 1;
                    *wrong += u32::from(verdict.false_alarm);
                }
            }
            Ok(rules)
        });
        let rule = |((rule, camera), (acknowledged, false_alarms))| v1::RulePrecision {
            rule,
            camera,
            acknowledged,
            false_alarms,
            precision: (acknowledged - false_alarms) as f32 / acknowledged as f32,
        };
        let rules = rules.await?.into_iter().map(rule).collect();
        Ok(Response::new(v1::PrecisionResponse { rules }))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let subject = subject(&request)?;
        check(&request.get_ref().comment)?;
        let verdict = if request.get_ref().false_alarm { "false alarm" } else { "" };
        self.access.audited(&request, "acknowledge", &request.get_ref().alert, verdict).await?;
        let request = request.into_inner();
        let alert = self
            .act(v1::Act {
                site: request.site,
                alert: request.alert,
                kind: v1::ActKind::Acknowledge as i32,
                subject: subject.name,
                comment: request.comment,
                false_alarm: request.false_alarm,
                ..Default::default()
            })
            .await?;
        Ok(Response::new(v1::AcknowledgeResponse { alert: Some(alert) }))
    }

    async fn comment(
        &self,
        request: Request<v1::CommentRequest>,
    ) -> Result<Response<v1::CommentResponse>, Status> {
        let subject = subject(&request)?;
        check(&request.get_ref().comment)?;
        if request.get_ref().comment.is_empty() {
            return Err(Status::invalid_argument("comment: is empty"));
        }
        self.access.audited(&request, "comment", &request.get_ref().alert, "").await?;
        let request = request.into_inner();
        let alert = self
            .act(v1::Act {
                site: request.site,
                alert: request.alert,
                kind: v1::ActKind::Comment as i32,
                subject: subject.name,
                comment: request.comment,
                ..Default::default()
            })
            .await?;
        Ok(Response::new(v1::CommentResponse { alert: Some(alert) }))
    }
}

fn check(comment: &str) -> Result<(), Status> {
    match comment.chars().count() {
        0..=COMMENT => Ok(()),
        _ => Err(Status::invalid_argument(format!("comment: at most {COMMENT} characters"))),
    }
}

impl Front {
    /// Writes down what somebody did at this moment, and waits for the revision that the alert's owner makes of it.
    async fn act(&self, act: v1::Act) -> Result<v1::Alert, Status> {
        let act = v1::Act { id: random_id()?, time_us: wall_clock(), ..act };
        let mut live = self.hub.alerts();
        let (context, partition) = (self.context.clone(), topics::partition_of(&act.site));
        let (id, alert) = (act.id.clone(), act.alert.clone());
        spawn_blocking(move || context.publish(act, partition, &Writer::ANYBODY))
            .await
            .map_err(|_| Status::internal("publishing the act panicked"))?
            .map_err(|error| Status::unavailable(format!("publish the act: {error}")))?;
        let revision = async {
            loop {
                match live.recv().await {
                    Ok(live) if live.alert.act == id => return Some(v1::Alert::clone(&live.alert)),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        match timeout(ANSWER, revision).await {
            Ok(Some(alert)) => Ok(alert),
            _ => Err(self.unanswered(partition, alert).await?),
        }
    }

    /// Why no revision came of an act in time.
    async fn unanswered(&self, partition: u32, id: String) -> Result<Status, Status> {
        let store = self.context.store.clone();
        let latest = blocking(move || {
            let rows = store.scan(&Scan::latest(&table::ALERTS, &partition.to_string(), LOOKED_AT))?;
            let mut alerts = rows.iter().filter_map(|row| v1::Alert::decode(row.body.as_slice()).ok());
            Ok(alerts.find(|alert| alert.id == id))
        });
        Ok(match latest.await?.map(|alert| alert.state()) {
            None => Status::failed_precondition("there is none of this id at this site"),
            Some(v1::AlertState::Closed) => Status::failed_precondition("the alert is over and was put away"),
            Some(_) => Status::deadline_exceeded(
                "it is written down, but whoever keeps the alerts of this site has not answered yet: it counts \
                 once they do",
            ),
        })
    }
}

/// An id that nobody guesses or repeats.
pub(super) fn random_id() -> Result<String, Status> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Status::internal(format!("draw an id: {error}")))?;
    Ok(hex::encode(bytes))
}
