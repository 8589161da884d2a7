//! What only a recognizer can do on request: in its own process over the gallery, elsewhere through its services.

use cortex_proto::v1::{
    self, embed_service_client::EmbedServiceClient, identity_service_client::IdentityServiceClient,
    match_service_client::MatchServiceClient, watchlist_service_client::WatchlistServiceClient,
};

use crate::{Call, MOST_BYTES, Peer};

/// What a recognizer does on request.
#[derive(Clone)]
pub struct Recognition {
    /// Embed the faces of a still.
    pub embed: Call<v1::EmbedRequest, v1::EmbedResponse>,
    /// Enrol a person.
    pub enrol: Call<v1::EnrolRequest, v1::EnrolResponse>,
    /// Take over people of the older system.
    pub import: Call<v1::ImportRequest, v1::ImportResponse>,
    /// Everybody enrolled.
    pub people: Call<v1::ListIdentitiesRequest, v1::ListIdentitiesResponse>,
    /// Erase a person.
    pub forget: Call<v1::DeleteIdentityRequest, v1::DeleteIdentityResponse>,
    /// What a person is called.
    pub name: Call<v1::NameRequest, v1::NameResponse>,
    /// Say that two people are one.
    pub merge: Call<v1::MergeRequest, v1::MergeResponse>,
    /// Undo that.
    pub split: Call<v1::SplitRequest, v1::SplitResponse>,
    /// How well people are told apart.
    pub check: Call<v1::CheckRequest, v1::CheckResponse>,
    /// Make templates anew from stills.
    pub renew: Call<v1::RenewRequest, v1::RenewResponse>,
    /// Where a person was recognised.
    pub sightings: Call<v1::SightingsRequest, v1::SightingsResponse>,
    /// People on no list who came again.
    pub strangers: Call<v1::StrangersRequest, v1::StrangersResponse>,
    /// One of them is of no interest.
    pub ignore: Call<v1::IgnoreRequest, v1::IgnoreResponse>,
    /// One of them is somebody.
    pub assign: Call<v1::AssignRequest, v1::AssignResponse>,
    /// Every watch-list.
    pub lists: Call<v1::ListWatchlistsRequest, v1::ListWatchlistsResponse>,
    /// Add or change a watch-list.
    pub put_list: Call<v1::UpsertWatchlistRequest, v1::UpsertWatchlistResponse>,
    /// Remove a watch-list.
    pub remove_list: Call<v1::DeleteWatchlistRequest, v1::DeleteWatchlistResponse>,
    /// Matches that people must confirm, or have.
    pub matches: Call<v1::ListMatchesRequest, v1::ListMatchesResponse>,
    /// Confirm or reject a match.
    pub decide: Call<v1::DecideRequest, v1::DecideResponse>,
    /// Who was seen beside who was enrolled.
    pub reveal: Call<v1::RevealRequest, v1::RevealResponse>,
}

impl Recognition {
    /// By the recognizer's own process.
    pub fn remote(peer: &Peer) -> Self {
        Self {
            embed: peer
                .call(|channel, request| async { EmbedServiceClient::new(channel).embed(request).await }),
            enrol: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).enrol(request).await }),
            import: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).import(request).await }),
            people: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).list(request).await }),
            forget: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).delete(request).await }),
            name: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).name(request).await }),
            merge: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).merge(request).await }),
            split: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).split(request).await }),
            check: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).check(request).await }),
            renew: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).renew(request).await }),
            sightings: peer.call(|channel, request| async {
                IdentityServiceClient::new(channel).sightings(request).await
            }),
            strangers: peer.call(|channel, request| async {
                IdentityServiceClient::new(channel).strangers(request).await
            }),
            ignore: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).ignore(request).await }),
            assign: peer
                .call(|channel, request| async { IdentityServiceClient::new(channel).assign(request).await }),
            lists: peer
                .call(|channel, request| async { WatchlistServiceClient::new(channel).list(request).await }),
            put_list: peer.call(|channel, request| async {
                WatchlistServiceClient::new(channel).upsert(request).await
            }),
            remove_list: peer.call(|channel, request| async {
                WatchlistServiceClient::new(channel).delete(request).await
            }),
            matches: peer
                .call(|channel, request| async { MatchServiceClient::new(channel).list(request).await }),
            decide: peer
                .call(|channel, request| async { MatchServiceClient::new(channel).decide(request).await }),
            reveal: peer.call(|channel, request| async {
                MatchServiceClient::new(channel).max_decoding_message_size(MOST_BYTES).reveal(request).await
            }),
        }
    }
}
