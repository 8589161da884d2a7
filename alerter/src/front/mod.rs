//! The public API: one file for each service. Who may call what is decided before, by the access layer.

mod alerts;
mod cameras;
mod cloak;
mod debug;
mod identities;
mod live;
mod logs;
mod rules;

use std::{future::Future, pin::Pin, sync::Arc};

use cortex_proto::v1::{
    self, alert_service_server::AlertServiceServer, camera_service_server::CameraServiceServer,
    cloak_service_server::CloakServiceServer, debug_service_server::DebugServiceServer,
    identity_service_server::IdentityServiceServer, live_service_server::LiveServiceServer,
    log_service_server::LogServiceServer, rule_service_server::RuleServiceServer,
};
use cortex_runtime::{Context, access::Subject};
use futures::Stream;
use tonic::{Request, Status, service::Routes};

use crate::{Control, Hub, control::Refused};

/// A call to another stage.
pub type Call<Q, R> = Arc<dyn Fn(Q) -> Pin<Box<dyn Future<Output = Result<R, Status>> + Send>> + Send + Sync>;

/// What needs another stage's hands. In one process these are the stages themselves; in a fleet, their own services.
#[derive(Clone)]
pub struct Hands {
    /// Ingest: look at an address.
    pub probe: Call<v1::ProbeRequest, v1::ProbeResponse>,
    /// Cloaker: redact a still.
    pub redact: Call<v1::RedactRequest, v1::RedactResponse>,
    /// Recognizer: enrol a person.
    pub enrol: Call<v1::EnrolRequest, v1::EnrolResponse>,
    /// Recognizer: everybody enrolled.
    pub people: Call<v1::ListIdentitiesRequest, v1::ListIdentitiesResponse>,
    /// Recognizer: forget a person.
    pub forget: Call<v1::DeleteIdentityRequest, v1::DeleteIdentityResponse>,
}

/// The public API. Cloning it copies pointers.
#[derive(Clone)]
pub struct Front {
    pub(crate) context: Context,
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) hands: Hands,
}

/// What every streaming method answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The largest message taken in: sixteen pictures of ten MiB would be more, and is refused.
const MOST_BYTES: usize = 64 << 20;

impl Front {
    /// The API over these parts.
    pub fn new(context: Context, hub: Hub, control: Control, hands: Hands) -> Self {
        Self { context, hub, control, hands }
    }

    /// Every service, with health and reflection.
    pub(crate) async fn routes(&self) -> Routes {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<AlertServiceServer<Self>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(cortex_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the descriptors are those of this build");
        let mut routes = Routes::new(AlertServiceServer::new(self.clone()))
            .add_service(CameraServiceServer::new(self.clone()))
            .add_service(IdentityServiceServer::new(self.clone()).max_decoding_message_size(MOST_BYTES))
            .add_service(LogServiceServer::new(self.clone()))
            .add_service(LiveServiceServer::new(self.clone()))
            .add_service(RuleServiceServer::new(self.clone()))
            .add_service(
                CloakServiceServer::new(self.clone())
                    .max_decoding_message_size(MOST_BYTES)
                    .max_encoding_message_size(MOST_BYTES),
            )
            .add_service(DebugServiceServer::new(self.clone()));
        routes = routes.add_service(health).add_service(reflection);
        routes
    }
}

/// Who calls. The access layer has put it there; without it the call is refused.
pub(crate) fn subject<T>(request: &Request<T>) -> Result<Subject, Status> {
    let found = request.extensions().get::<Subject>().cloned();
    found.ok_or_else(|| Status::unauthenticated("no credentials: use a login link or a bearer token"))
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Invalid(_) => Self::invalid_argument(text),
            Refused::Owned(_) => Self::failed_precondition(text),
            Refused::Unknown(_) => Self::not_found(text),
            Refused::Bus(_) => Self::unavailable(text),
        }
    }
}
