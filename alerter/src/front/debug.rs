use std::time::Duration;

use cortex_proto::{
    Message,
    topics::{self, Class},
    v1::{self, debug_service_server::DebugService},
};
use cortex_runtime::{
    Captured, CutChip,
    bus::{From, Record, Take},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Answers, Front};

/// Messages a slow reader may be behind before the tap waits for it.
const WAITING: usize = 64;

#[tonic::async_trait]
impl DebugService for Front {
    type TapStream = Answers<v1::TapResponse>;

    async fn tap(&self, request: Request<v1::TapRequest>) -> Result<Response<Self::TapStream>, Status> {
        self.access.audited(&request, "tap", &request.get_ref().topic, &request.get_ref().camera).await?;
        let request = request.into_inner();
        let topic = topics::find(&request.topic).ok_or_else(|| {
            let known: Vec<&str> = topics::ALL.iter().map(|topic| topic.noun).collect();
            Status::invalid_argument(format!(
                "topic: `{}` is not known; there are {}",
                request.topic,
                known.join(", ")
            ))
        })?;
        if topic.class == Class::Batch {
            let hint = "is read by Arrow libraries from the cluster itself, see docs/analytics.md";
            return Err(Status::invalid_argument(format!("topic: `{}` {hint}", topic.noun)));
        }
        let opened = self.context.bus.tail(&[topic], From::End);
        let mut tail = opened.map_err(|error| Status::unavailable(format!("tap {}: {error}", topic.noun)))?;
        let (sender, answers) = mpsc::channel(WAITING);
        let stop = self.context.stop();
        self.context.lifecycle.thread(&format!("tap-{}", topic.noun), move || {
            while !stop.is_cancelled() && !sender.is_closed() {
                let records =
                    tail.next(Take { count: 16, wait: Duration::from_millis(200) }).unwrap_or_default();
                for record in records
                    .iter()
                    .filter(|record| request.camera.is_empty() || about(record, &request.camera))
                {
                    let answer = json(record).map(|json| v1::TapResponse { json });
                    if sender.blocking_send(answer).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// Whether a message is about a camera: its key, or what its JSON says.
fn about(record: &Record, camera: &str) -> bool {
    &*record.key == camera
        || json(record).is_ok_and(|json| json.contains(&format!("\"camera\":\"{camera}\"")))
}

/// A message as JSON, without any picture or copy of a message.
fn json(record: &Record) -> Result<String, Status> {
    fn of<M: Message + serde::Serialize + Clone>(
        record: &Record,
        clear: impl Fn(&mut M),
    ) -> Result<String, Status> {
        let message = record.message::<M>().map_err(|error| Status::internal(format!("decode: {error}")))?;
        let mut message = M::clone(&message);
        clear(&mut message);
        serde_json::to_string(&message).map_err(|error| Status::internal(format!("write json: {error}")))
    }
    let with_picture =
        |message: serde_json::Result<String>| message.map_err(|error| Status::internal(error.to_string()));
    let decode = |error: prost::DecodeError| Status::internal(format!("decode: {error}"));
    match record.topic.noun {
        "frames" => {
            with_picture(serde_json::to_string(&record.message::<Captured>().map_err(decode)?.message))
        }
        "chips" => with_picture(serde_json::to_string(&record.message::<CutChip>().map_err(decode)?.message)),
        "detections" => of::<v1::Detections>(record, |_| {}),
        "demand" => of::<v1::Demand>(record, |_| {}),
        "status" => of::<v1::Status>(record, |_| {}),
        "cloaked" => of::<v1::Cloaked>(record, |cloaked| cloaked.jpeg.clear()),
        "anomalies" => of::<v1::Anomaly>(record, |_| {}),
        "identities" => of::<v1::Identity>(record, |_| {}),
        "acts" => of::<v1::Act>(record, |_| {}),
        "alerts" => of::<v1::Alert>(record, |_| {}),
        "log" => of::<v1::LogEntry>(record, |_| {}),
        "cameras" => of::<v1::Camera>(record, |_| {}),
        "config" => of::<v1::ConfigEntry>(record, |_| {}),
        "audit" => of::<v1::Audit>(record, |_| {}),
        _ => of::<v1::Dead>(record, |dead| dead.fact.clear()),
    }
}
