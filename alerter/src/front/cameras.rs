use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use cortex_proto::v1::{self, camera_service_server::CameraService};
use cortex_runtime::config::without_secrets;
use futures::stream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::{Request, Response, Status};

use super::{Answers, Front};

/// How often it is looked what changed; stages speak no more often.
const LOOK: Duration = Duration::from_secs(1);

#[tonic::async_trait]
impl CameraService for Front {
    async fn list(
        &self,
        _request: Request<v1::ListCamerasRequest>,
    ) -> Result<Response<v1::ListCamerasResponse>, Status> {
        Ok(Response::new(v1::ListCamerasResponse { cameras: self.cameras(&[]) }))
    }

    async fn upsert(
        &self,
        request: Request<v1::UpsertCameraRequest>,
    ) -> Result<Response<v1::UpsertCameraResponse>, Status> {
        let camera = request.get_ref().camera.clone();
        let camera = camera.ok_or_else(|| Status::invalid_argument("camera: is missing"))?;
        self.access
            .audited(&request, "upsert", &camera.id, &format!("camera at {}", without_secrets(&camera.url)))
            .await?;
        let control = self.control.clone();
        let camera = write(move || control.upsert_camera(camera)).await?;
        Ok(Response::new(v1::UpsertCameraResponse { camera: Some(camera) }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteCameraRequest>,
    ) -> Result<Response<v1::DeleteCameraResponse>, Status> {
        self.access.audited(&request, "delete", &request.get_ref().id, "camera").await?;
        let (control, id) = (self.control.clone(), request.into_inner().id);
        write(move || control.delete_camera(&id)).await?;
        Ok(Response::new(v1::DeleteCameraResponse {}))
    }

    async fn probe(&self, request: Request<v1::ProbeRequest>) -> Result<Response<v1::ProbeResponse>, Status> {
        self.access.noted(&request).await?;
        let asks = (request.metadata().clone(), request.extensions().clone());
        let mut found = (self.hands.probe)(request).await?;
        // Nothing clear leaves here: the cloaker redacts it for whoever asked, or there is none.
        let picture = std::mem::take(&mut found.snapshot);
        let redact = Request::from_parts(asks.0, asks.1, v1::RedactRequest { picture });
        match (self.hands.redact)(redact).await {
            Ok(redacted) => found.snapshot = redacted.picture,
            Err(status) => found.warnings.push(format!("there is no snapshot: {}", status.message())),
        }
        Ok(Response::new(found))
    }

    type WatchStatusStream = Answers<v1::CameraStatus>;

    async fn watch_status(
        &self,
        request: Request<v1::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watch = Watch {
            front: self.clone(),
            only: request.into_inner().cameras,
            looks,
            told: HashMap::new(),
            waiting: VecDeque::new(),
        };
        let answers = stream::unfold(watch, |mut watch| async { Some((Ok(watch.next().await?), watch)) });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Somebody who watches how cameras are.
struct Watch {
    front: Front,
    /// These cameras; empty for all.
    only: Vec<String>,
    looks: Interval,
    /// What was sent of each.
    told: HashMap<String, v1::CameraStatus>,
    waiting: VecDeque<v1::CameraStatus>,
}

impl Watch {
    /// The next camera of which something changed; `None` when the process ends.
    async fn next(&mut self) -> Option<v1::CameraStatus> {
        let stop = self.front.context.stop();
        while self.waiting.is_empty() {
            stop.run_until_cancelled(self.looks.tick()).await?;
            let mut all: HashMap<String, v1::CameraStatus> = HashMap::new();
            for status in self.front.cameras(&self.only) {
                let id = status.camera.as_ref().map(|camera| camera.id.clone()).unwrap_or_default();
                if self.told.get(&id) != Some(&status) {
                    self.waiting.push_back(status.clone());
                }
                all.insert(id, status);
            }
            self.told = all;
        }
        self.waiting.pop_front()
    }
}

impl Front {
    /// These cameras, or all, with what the stages say of them.
    pub(super) fn cameras(&self, only: &[String]) -> Vec<v1::CameraStatus> {
        let tables = self.control.tables();
        let wanted =
            tables.cameras.into_values().filter(|camera| only.is_empty() || only.contains(&camera.id));
        wanted
            .map(|camera| v1::CameraStatus { stages: self.hub.statuses(&camera.id), camera: Some(camera) })
            .collect()
    }
}

/// Writes the control plane on a thread that may wait.
pub(super) async fn write<R: Send + 'static>(
    change: impl FnOnce() -> Result<R, crate::control::Refused> + Send + 'static,
) -> Result<R, Status> {
    let written = tokio::task::spawn_blocking(change).await;
    Ok(written.map_err(|_| Status::internal("writing the control plane panicked"))??)
}
