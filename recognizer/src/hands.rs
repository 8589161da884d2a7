//! What the recognizer does on request: embeds stills, and knows who is enrolled.

use std::sync::Arc;

use axum::Router;
use cortex_infer::Library;
use cortex_process::{Call, Config, Lazy, MOST_BYTES, here};
use cortex_proto::v1::{
    self,
    embed_service_server::{EmbedService, EmbedServiceServer},
    identity_service_server::{IdentityService, IdentityServiceServer},
};
use cortex_runtime::access::Access;
use tonic::{Request, Response, Status, service::Routes};

use crate::{Enroller, Error, Gallery, Person};

/// What the recognizer does on request.
#[derive(Clone)]
pub struct Hands {
    /// Embeds the faces of a still.
    pub embed: Call<v1::EmbedRequest, v1::EmbedResponse>,
    /// Enrols a person.
    pub enrol: Call<v1::EnrolRequest, v1::EnrolResponse>,
    /// Everybody enrolled.
    pub people: Call<v1::ListIdentitiesRequest, v1::ListIdentitiesResponse>,
    /// Forgets a person.
    pub forget: Call<v1::DeleteIdentityRequest, v1::DeleteIdentityResponse>,
    /// What a person is called.
    pub name: Call<v1::NameRequest, v1::NameResponse>,
}

impl Hands {
    /// Over the gallery, without one while recognition is off. Models are loaded at the first request.
    pub fn new(config: &Config, gallery: Option<Gallery>) -> Self {
        let infer = config.infer.clone();
        let enroller = Arc::new(Lazy::new(move || {
            let library = Library::load(&infer).map_err(|error| error.to_string())?;
            Enroller::load(&library, &infer).map_err(|error| error.to_string())
        }));
        let (embedder, gallery) = (Arc::clone(&enroller), move || on(gallery.as_ref()));
        let (embeds, enrols, lists, forgets) =
            (gallery.clone(), gallery.clone(), gallery.clone(), gallery.clone());
        Self {
            embed: here(move |request: v1::EmbedRequest| {
                embeds()?;
                embedder.with(|enroller| enroller.describe(&request.picture).map_err(|error| refused(&error)))
            }),
            enrol: here(move |request: v1::EnrolRequest| {
                let gallery = enrols()?;
                enroller.with(|enroller| enroller.enrol(&request, &gallery).map_err(|error| refused(&error)))
            }),
            people: here(move |_| {
                let mut people: Vec<v1::Person> = lists()?.people().iter().map(person).collect();
                people.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(v1::ListIdentitiesResponse { people })
            }),
            forget: here(move |request: v1::DeleteIdentityRequest| {
                forgets()?.remove(&request.person).map_err(|error| refused(&error))?;
                Ok(v1::DeleteIdentityResponse {})
            }),
            name: here(move |request: v1::NameRequest| {
                let people = gallery()?.people();
                let known = people.iter().find(|person| person.id == request.person);
                Ok(v1::NameResponse { name: known.map(|person| person.name.clone()).unwrap_or_default() })
            }),
        }
    }

    /// The same for other processes.
    pub(crate) fn router(self, access: &Access) -> Router {
        let service = Service { hands: self, access: access.clone() };
        Routes::new(EmbedServiceServer::new(service.clone()).max_decoding_message_size(MOST_BYTES))
            .add_service(IdentityServiceServer::new(service).max_decoding_message_size(MOST_BYTES))
            .into_axum_router()
    }
}

/// The gallery as it is in the store: another process may have changed it.
fn on(gallery: Option<&Gallery>) -> Result<Gallery, Status> {
    let gallery = gallery.ok_or_else(|| {
        Status::failed_precondition(
            "recognition is off: set `recognizer.enabled` in a profile that allows it",
        )
    })?;
    gallery.reload().map_err(|error| refused(&error))?;
    Ok(gallery.clone())
}

fn refused(error: &Error) -> Status {
    match error {
        Error::Refused(_) | Error::Still(_) => Status::invalid_argument(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}

fn person(person: &Person) -> v1::Person {
    v1::Person {
        id: person.id.clone(),
        name: person.name.clone(),
        embeddings: person.embeddings.len() as u32,
        watch: person.watch,
        enrolled_us: person.enrolled_us,
    }
}

/// The hands behind gRPC: what the front has written down is written down here too, since whoever has a credential
/// reaches this port as well.
#[derive(Clone)]
struct Service {
    hands: Hands,
    access: Access,
}

#[tonic::async_trait]
impl EmbedService for Service {
    async fn embed(&self, request: Request<v1::EmbedRequest>) -> Result<Response<v1::EmbedResponse>, Status> {
        let bytes = format!("{} bytes", request.get_ref().picture.len());
        self.access.audited(&request, "embed", "picture", &bytes).await?;
        (self.hands.embed)(request).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl IdentityService for Service {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        let pictures = format!("{} pictures", request.get_ref().pictures.len());
        self.access.audited(&request, "enrol", "person", &pictures).await?;
        (self.hands.enrol)(request).await.map(Response::new)
    }

    async fn list(
        &self,
        request: Request<v1::ListIdentitiesRequest>,
    ) -> Result<Response<v1::ListIdentitiesResponse>, Status> {
        self.access.audited(&request, "list", "people", "").await?;
        (self.hands.people)(request).await.map(Response::new)
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteIdentityRequest>,
    ) -> Result<Response<v1::DeleteIdentityResponse>, Status> {
        self.access.audited(&request, "forget", &request.get_ref().person, "").await?;
        (self.hands.forget)(request).await.map(Response::new)
    }

    async fn name(&self, request: Request<v1::NameRequest>) -> Result<Response<v1::NameResponse>, Status> {
        (self.hands.name)(request).await.map(Response::new)
    }
}
