use cortex_proto::v1::{self, embed_service_server::EmbedService};
use tonic::{Request, Response, Status};

use super::Front;

#[tonic::async_trait]
impl EmbedService for Front {
    async fn embed(&self, request: Request<v1::EmbedRequest>) -> Result<Response<v1::EmbedResponse>, Status> {
        let bytes = format!("{} bytes", request.get_ref().picture.len());
        self.access.audited(&request, "embed", "picture", &bytes).await?;
        (self.hands.embed)(request).await.map(Response::new)
    }
}
