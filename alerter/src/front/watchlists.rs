use cortex_proto::v1::{self, watchlist_service_server::WatchlistService};
use tonic::{Request, Response, Status};

use super::Front;

#[tonic::async_trait]
impl WatchlistService for Front {
    async fn list(
        &self,
        request: Request<v1::ListWatchlistsRequest>,
    ) -> Result<Response<v1::ListWatchlistsResponse>, Status> {
        self.pass(request, &self.hands.recognition.lists).await
    }

    async fn upsert(
        &self,
        request: Request<v1::UpsertWatchlistRequest>,
    ) -> Result<Response<v1::UpsertWatchlistResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.put_list).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteWatchlistRequest>,
    ) -> Result<Response<v1::DeleteWatchlistResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.remove_list).await
    }
}
