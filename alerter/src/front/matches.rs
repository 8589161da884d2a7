use cortex_proto::{
    Message, topics,
    v1::{self, match_service_server::MatchService},
};
use cortex_runtime::{bus::Writer, store::Row};
use tokio::task::spawn_blocking;
use tonic::{Request, Response, Status};

use super::Front;

#[tonic::async_trait]
impl MatchService for Front {
    async fn list(
        &self,
        request: Request<v1::ListMatchesRequest>,
    ) -> Result<Response<v1::ListMatchesResponse>, Status> {
        self.pass(request, &self.hands.recognition.matches).await
    }

    async fn decide(
        &self,
        request: Request<v1::DecideRequest>,
    ) -> Result<Response<v1::DecideResponse>, Status> {
        self.access.noted(&request).await?;
        let rejected = !request.get_ref().confirmed;
        let decided = (self.hands.recognition.decide)(request).await?;
        // Told again when a caller asks again: the same identity and anomaly have the same ids, and count once.
        if let Some(identity) = decided.identity.clone() {
            self.record(identity).await?;
        }
        if let Some(anomaly) = decided.anomaly.clone() {
            self.record(anomaly).await?;
        }
        if rejected {
            self.gallery_changed("").await?;
        }
        Ok(Response::new(decided))
    }

    async fn reveal(
        &self,
        request: Request<v1::RevealRequest>,
    ) -> Result<Response<v1::RevealResponse>, Status> {
        self.pass(request, &self.hands.recognition.reveal).await
    }
}
impl Front {
    /// Stores and publishes what a decision of people brought about.
    async fn record<M: Message + Row>(&self, message: M) -> Result<(), Status> {
        let (context, partition) = (self.context.clone(), topics::partition_of(message.key()));
        let recorded = spawn_blocking(move || context.record(message, partition, &Writer::ANYBODY)).await;
        recorded
            .map_err(|_| Status::internal("recording the decision panicked"))?
            .map_err(|error| Status::unavailable(format!("{error}; the decision stands, ask again")))
    }
}
