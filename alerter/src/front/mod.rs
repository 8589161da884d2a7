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
mod rules;

use std::{future::Future, pin::Pin, sync::Arc};

use cortex_proto::v1::{
    self, access_service_server::AccessServiceServer, alert_service_server::AlertServiceServer,
    camera_service_server::CameraServiceServer, cloak_service_server::CloakServiceServer,
    debug_service_server::DebugServiceServer, embed_service_server::EmbedServiceServer,
    identity_service_server::IdentityServiceServer, live_service_server::LiveServiceServer,
    log_service_server::LogServiceServer, rule_service_server::RuleServiceServer,
};
use cortex_runtime::{
    Context,
    access::{Access, Subject},
};
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
    /// Recognizer: embed the faces of a still.
    pub embed: Call<v1::EmbedRequest, v1::EmbedResponse>,
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
    access: Access,
}

/// What every streaming method answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The largest message taken in: sixteen pictures of ten MiB would be more, and is refused.
const MOST_BYTES: usize = 64 << 20;

impl Front {
    /// The API over these parts. What changes something or is sensitive is audited through `access`.
    pub fn new(context: Context, hub: Hub, control: Control, hands: Hands, access: Access) -> Self {
        Self { context, hub, control, hands, access }
    }

    /// Writes down that the caller does `action` on `object`, before it is done: what cannot be audited is refused.
    /// `detail` has nothing biometric, no name and no secret.
    pub(crate) fn audited<T>(
        &self,
        request: &Request<T>,
        action: &'static str,
        object: &str,
        detail: &str,
    ) -> impl Future<Output = Result<(), Status>> + use<T> {
        let (access, subject) = (self.access.clone(), subject(request));
        let (object, detail) = (object.to_owned(), detail.to_owned());
        async move {
            let name = subject?.name;
            let written =
                tokio::task::spawn_blocking(move || access.audit(&name, action, &object, &detail)).await;
            let written = written.map_err(|_| Status::internal("writing the audit panicked"))?;
            written.map_err(|error| {
                tracing::error!(%error, action, "not audited, so not done");
                Status::unavailable("it cannot be audited now, so it is not done: the log says why")
            })
        }
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
            .add_service(DebugServiceServer::new(self.clone()))
            .add_service(EmbedServiceServer::new(self.clone()).max_decoding_message_size(MOST_BYTES))
            .add_service(AccessServiceServer::new(self.clone()));
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
            Refused::Bus(_) | Refused::Store(_) => Self::unavailable(text),
        }
    }
}
