use cortex_proto::v1::{self, embed_service_server::EmbedService};
use tonic::{Request, Response, Status};

use super::Front;

#[tonic::async_trait]
impl EmbedService for Front {
    async fn embed(&self, request: Request<v1::EmbedRequest>) -> Result<Response<v1::EmbedResponse>, Status> {
        self.pass(request, &self.hands.recognition.embed).await
    }
}
