use cortex_process::{Call, as_caller};
use cortex_proto::v1::{self, identity_service_server::IdentityService};
use cortex_runtime::access::Noted;
use tonic::{Request, Response, Status};

use super::{Front, cameras::write};

#[tonic::async_trait]
impl IdentityService for Front {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        self.access.noted(&request).await?;
        let who = as_caller(&request, ());
        let enrolled = (self.hands.recognition.enrol)(request).await?;
        // Now it has an id.
        if let Err(status) = self.access.audited(&who, "enrolled", &enrolled.person, "").await {
            (self.hands.recognition.forget)(as_caller(
                &who,
                v1::DeleteIdentityRequest { person: enrolled.person },
            ))
            .await?;
            return Err(status);
        }
        self.gallery_changed(&enrolled.person).await?;
        Ok(Response::new(enrolled))
    }

    async fn import(
        &self,
        request: Request<v1::ImportRequest>,
    ) -> Result<Response<v1::ImportResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.import).await
    }

    async fn list(
        &self,
        request: Request<v1::ListIdentitiesRequest>,
    ) -> Result<Response<v1::ListIdentitiesResponse>, Status> {
        self.pass(request, &self.hands.recognition.people).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteIdentityRequest>,
    ) -> Result<Response<v1::DeleteIdentityResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.forget).await
    }

    async fn name(&self, request: Request<v1::NameRequest>) -> Result<Response<v1::NameResponse>, Status> {
        (self.hands.recognition.name)(request).await.map(Response::new)
    }

    async fn merge(&self, request: Request<v1::MergeRequest>) -> Result<Response<v1::MergeResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.merge).await
    }

    async fn split(&self, request: Request<v1::SplitRequest>) -> Result<Response<v1::SplitResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.split).await
    }

    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        self.pass(request, &self.hands.recognition.check).await
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.renew).await
    }

    async fn sightings(
        &self,
        request: Request<v1::SightingsRequest>,
    ) -> Result<Response<v1::SightingsResponse>, Status> {
        self.pass(request, &self.hands.recognition.sightings).await
    }

    async fn strangers(
        &self,
        request: Request<v1::StrangersRequest>,
    ) -> Result<Response<v1::StrangersResponse>, Status> {
        self.pass(request, &self.hands.recognition.strangers).await
    }

    async fn ignore(
        &self,
        request: Request<v1::IgnoreRequest>,
    ) -> Result<Response<v1::IgnoreResponse>, Status> {
        self.pass(request, &self.hands.recognition.ignore).await
    }

    async fn assign(
        &self,
        request: Request<v1::AssignRequest>,
    ) -> Result<Response<v1::AssignResponse>, Status> {
        self.pass_change(request, &self.hands.recognition.assign).await
    }
}

impl Front {
    /// Passes a request on, once it is written down.
    pub(super) async fn pass<Q: Noted, R>(
        &self,
        request: Request<Q>,
        hand: &Call<Q, R>,
    ) -> Result<Response<R>, Status> {
        self.access.noted(&request).await?;
        hand(request).await.map(Response::new)
    }

    /// The same for a change of the gallery: every recognizer hears of it.
    pub(super) async fn pass_change<Q: Noted, R>(
        &self,
        request: Request<Q>,
        hand: &Call<Q, R>,
    ) -> Result<Response<R>, Status> {
        let object = request.get_ref().object();
        let answer = self.pass(request, hand).await?;
        self.gallery_changed(&object).await?;
        Ok(answer)
    }

    pub(super) async fn gallery_changed(&self, object: &str) -> Result<(), Status> {
        let (control, object) = (self.control.clone(), object.to_owned());
        write(move || control.gallery_changed(&object)).await
    }
}
