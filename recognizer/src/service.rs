//! The hands behind gRPC, for other processes: what the front has written down is written down here too, since whoever has
//! a credential reaches this port as well.

use axum::Router;
use cortex_process::{Call, MOST_BYTES, Recognition};
use cortex_proto::v1::{
    self,
    embed_service_server::{EmbedService, EmbedServiceServer},
    identity_service_server::{IdentityService, IdentityServiceServer},
    match_service_server::{MatchService, MatchServiceServer},
    watchlist_service_server::{WatchlistService, WatchlistServiceServer},
};
use cortex_runtime::access::{Access, Noted};
use tonic::{Request, Response, Status, service::Routes};

/// Serves the hands.
pub(crate) fn router(hands: Recognition, access: &Access) -> Router {
    let service = Service { hands, access: access.clone() };
    Routes::new(EmbedServiceServer::new(service.clone()).max_decoding_message_size(MOST_BYTES))
        .add_service(IdentityServiceServer::new(service.clone()).max_decoding_message_size(MOST_BYTES))
        .add_service(WatchlistServiceServer::new(service.clone()))
        .add_service(MatchServiceServer::new(service))
        .into_axum_router()
}

#[derive(Clone)]
struct Service {
    hands: Recognition,
    access: Access,
}

impl Service {
    async fn fulfil<Q: Noted, R>(
        &self,
        request: Request<Q>,
        hand: &Call<Q, R>,
    ) -> Result<Response<R>, Status> {
        self.access.noted(&request).await?;
        hand(request).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl EmbedService for Service {
    async fn embed(&self, request: Request<v1::EmbedRequest>) -> Result<Response<v1::EmbedResponse>, Status> {
        self.fulfil(request, &self.hands.embed).await
    }
}

#[tonic::async_trait]
impl IdentityService for Service {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        self.fulfil(request, &self.hands.enrol).await
    }

    async fn import(
        &self,
        request: Request<v1::ImportRequest>,
    ) -> Result<Response<v1::ImportResponse>, Status> {
        self.fulfil(request, &self.hands.import).await
    }

    async fn list(
        &self,
        request: Request<v1::ListIdentitiesRequest>,
    ) -> Result<Response<v1::ListIdentitiesResponse>, Status> {
        self.fulfil(request, &self.hands.people).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteIdentityRequest>,
    ) -> Result<Response<v1::DeleteIdentityResponse>, Status> {
        self.fulfil(request, &self.hands.forget).await
    }

    async fn name(&self, request: Request<v1::NameRequest>) -> Result<Response<v1::NameResponse>, Status> {
        (self.hands.name)(request).await.map(Response::new)
    }

    async fn merge(&self, request: Request<v1::MergeRequest>) -> Result<Response<v1::MergeResponse>, Status> {
        self.fulfil(request, &self.hands.merge).await
    }

    async fn split(&self, request: Request<v1::SplitRequest>) -> Result<Response<v1::SplitResponse>, Status> {
        self.fulfil(request, &self.hands.split).await
    }

    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        self.fulfil(request, &self.hands.check).await
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewResponse>, Status> {
        self.fulfil(request, &self.hands.renew).await
    }

    async fn sightings(
        &self,
        request: Request<v1::SightingsRequest>,
    ) -> Result<Response<v1::SightingsResponse>, Status> {
        self.fulfil(request, &self.hands.sightings).await
    }

    async fn strangers(
        &self,
        request: Request<v1::StrangersRequest>,
    ) -> Result<Response<v1::StrangersResponse>, Status> {
        self.fulfil(request, &self.hands.strangers).await
    }

    async fn ignore(
        &self,
        request: Request<v1::IgnoreRequest>,
    ) -> Result<Response<v1::IgnoreResponse>, Status> {
        self.fulfil(request, &self.hands.ignore).await
    }

    async fn assign(
        &self,
        request: Request<v1::AssignRequest>,
    ) -> Result<Response<v1::AssignResponse>, Status> {
        self.fulfil(request, &self.hands.assign).await
    }
}

#[tonic::async_trait]
impl WatchlistService for Service {
    async fn list(
        &self,
        request: Request<v1::ListWatchlistsRequest>,
    ) -> Result<Response<v1::ListWatchlistsResponse>, Status> {
        self.fulfil(request, &self.hands.lists).await
    }

    async fn upsert(
        &self,
        request: Request<v1::UpsertWatchlistRequest>,
    ) -> Result<Response<v1::UpsertWatchlistResponse>, Status> {
        self.fulfil(request, &self.hands.put_list).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteWatchlistRequest>,
    ) -> Result<Response<v1::DeleteWatchlistResponse>, Status> {
        self.fulfil(request, &self.hands.remove_list).await
    }
}

#[tonic::async_trait]
impl MatchService for Service {
    async fn list(
        &self,
        request: Request<v1::ListMatchesRequest>,
    ) -> Result<Response<v1::ListMatchesResponse>, Status> {
        self.fulfil(request, &self.hands.matches).await
    }

    async fn decide(
        &self,
        request: Request<v1::DecideRequest>,
    ) -> Result<Response<v1::DecideResponse>, Status> {
        self.fulfil(request, &self.hands.decide).await
    }

    async fn reveal(
        &self,
        request: Request<v1::RevealRequest>,
    ) -> Result<Response<v1::RevealResponse>, Status> {
        self.fulfil(request, &self.hands.reveal).await
    }
}
