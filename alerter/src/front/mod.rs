//! The public API: one file for each service. Who may call what is decided before, by the access layer.

mod access;
mod alerts;
mod cameras;
mod cloak;
mod debug;
mod embed;
mod identities;
mod live;
mod logs;
mod matches;
mod rules;
mod watchlists;

use std::pin::Pin;

use cortex_process::MOST_BYTES;
use cortex_proto::v1::{
    access_service_server::AccessServiceServer, alert_service_server::AlertServiceServer,
    camera_service_server::CameraServiceServer, cloak_service_server::CloakServiceServer,
    debug_service_server::DebugServiceServer, embed_service_server::EmbedServiceServer,
    identity_service_server::IdentityServiceServer, live_service_server::LiveServiceServer,
    log_service_server::LogServiceServer, match_service_server::MatchServiceServer,
    rule_service_server::RuleServiceServer, watchlist_service_server::WatchlistServiceServer,
};
use cortex_runtime::{Context, access::Access};
use futures::Stream;
use tonic::{Status, service::Routes};

use crate::{Control, Hands, Hub, control::Refused};

/// The public API. Cloning it copies pointers.
#[derive(Clone)]
pub struct Front {
    pub(crate) context: Context,
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) hands: Hands,
    pub(crate) access: Access,
}

/// What every streaming method answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Front {
    /// The API over these parts. What changes something or is sensitive is audited through `access`.
    pub fn new(context: Context, hub: Hub, control: Control, hands: Hands, access: Access) -> Self {
        Self { context, hub, control, hands, access }
    }

    /// Every service, with health and reflection.
    pub(crate) fn routes(&self) -> Routes {
        let (reporter, health) = tonic_health::server::health_reporter();
        self.context.lifecycle.spawn("serving", async move {
            reporter.set_serving::<AlertServiceServer<Self>>().await;
            Ok(())
        });
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(cortex_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the descriptors are those of this build");
        let mut routes = Routes::new(AlertServiceServer::new(self.clone()))
            .add_service(CameraServiceServer::new(self.clone()))
            .add_service(IdentityServiceServer::new(self.clone()).max_decoding_message_size(MOST_BYTES))
            .add_service(WatchlistServiceServer::new(self.clone()))
            .add_service(MatchServiceServer::new(self.clone()).max_encoding_message_size(MOST_BYTES))
            .add_service(LogServiceServer::new(self.clone()))
            .add_service(LiveServiceServer::new(self.clone()))
            .add_service(RuleServiceServer::new(self.clone()))
            .add_service(
                CloakServiceServer::new(self.clone())
                    .max_decoding_message_size(MOST_BYTES)
                    .max_encoding_message_size(MOST_BYTES),
            )
            .add_service(DebugServiceServer::new(self.clone()))
            .add_service(EmbedServiceServer::new(self.clone()).max_decoding_message_size(MOST_BYTES))
            .add_service(AccessServiceServer::new(self.clone()));
        routes = routes.add_service(health).add_service(reflection);
        routes
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Invalid(_) => Self::invalid_argument(text),
            Refused::Owned(_) => Self::failed_precondition(text),
            Refused::Unknown(_) => Self::not_found(text),
            Refused::Bus(_) | Refused::Store(_) => Self::unavailable(text),
        }
    }
}
