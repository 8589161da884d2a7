use cortex_proto::v1::{self, cloak_service_server::CloakService};
use tonic::{Request, Response, Status};

use super::Front;

#[tonic::async_trait]
impl CloakService for Front {
    async fn redact(
        &self,
        request: Request<v1::RedactRequest>,
    ) -> Result<Response<v1::RedactResponse>, Status> {
        self.access.noted(&request).await?;
        (self.hands.redact)(request).await.map(Response::new)
    }
}
