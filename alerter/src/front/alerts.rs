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
use tonic::{Request, Response, Status};

use super::{Answers, Front};
use crate::subscribe::{Subscription, blocking, passes};

/// How long an acknowledgement waits for its revision.
const ANSWER: Duration = Duration::from_secs(5);
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
            }
            found.sort_by_key(|alert: &v1::Alert| std::cmp::Reverse(alert.first_us));
            found.truncate(limit);
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
        if request.get_ref().comment.chars().count() > COMMENT {
            return Err(Status::invalid_argument(format!("comment: at most {COMMENT} characters")));
        }
        let verdict = if request.get_ref().false_alarm { "false alarm" } else { "" };
        self.access.audited(&request, "acknowledge", &request.get_ref().alert, verdict).await?;
        let request = request.into_inner();
        let mut live = self.hub.alerts();
        let act = v1::Act {
            id: random_id()?,
            site: request.site.clone(),
            alert: request.alert.clone(),
            kind: v1::ActKind::Acknowledge as i32,
            subject: subject.name,
            comment: request.comment,
            false_alarm: request.false_alarm,
            time_us: wall_clock(),
        };
        let context = self.context.clone();
        let published = tokio::task::spawn_blocking(move || {
            let partition = topics::partition_of(&act.site);
            context.publish(act, partition, &Writer::ANYBODY)
        });
        published
            .await
            .map_err(|_| Status::internal("publishing the act panicked"))?
            .map_err(|error| Status::unavailable(format!("publish the act: {error}")))?;
        let revision = async {
            loop {
                match live.recv().await {
                    Ok(live) if live.alert.id == request.alert && live.alert.change == "acknowledged" => {
                        return Some(v1::Alert::clone(&live.alert));
                    }
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        match tokio::time::timeout(ANSWER, revision).await {
            Ok(Some(alert)) => Ok(Response::new(v1::AcknowledgeResponse { alert: Some(alert) })),
            _ => Err(Status::failed_precondition(
                "the alert is over and was put away, or there is none of this id at this site",
            )),
        }
    }
}

/// An id that nobody guesses or repeats.
pub(super) fn random_id() -> Result<String, Status> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Status::internal(format!("draw an id: {error}")))?;
    Ok(hex::encode(bytes))
}
