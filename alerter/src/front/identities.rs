use cortex_proto::v1::{self, identity_service_server::IdentityService};
use tonic::{Request, Response, Status};

use super::{Front, cameras::write};

#[tonic::async_trait]
impl IdentityService for Front {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        // The person has no id yet, and a name is never written.
        let pictures = format!("{} pictures", request.get_ref().pictures.len());
        self.audited(&request, "enrol", "person", &pictures).await?;
        let who = Request::from_parts(request.metadata().clone(), request.extensions().clone(), ());
        let enrolled = (self.hands.enrol)(request.into_inner()).await?;
        if let Err(status) = self.audited(&who, "enrolled", &enrolled.person, "").await {
            (self.hands.forget)(v1::DeleteIdentityRequest { person: enrolled.person }).await?;
            return Err(status);
        }
        self.gallery_changed(&enrolled.person).await?;
        Ok(Response::new(enrolled))
    }

    async fn list(
        &self,
        request: Request<v1::ListIdentitiesRequest>,
    ) -> Result<Response<v1::ListIdentitiesResponse>, Status> {
        self.audited(&request, "list", "people", "").await?;
        (self.hands.people)(request.into_inner()).await.map(Response::new)
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteIdentityRequest>,
    ) -> Result<Response<v1::DeleteIdentityResponse>, Status> {
        self.audited(&request, "forget", &request.get_ref().person, "").await?;
        let request = request.into_inner();
        let person = request.person.clone();
        let forgotten = (self.hands.forget)(request).await?;
        self.gallery_changed(&person).await?;
        Ok(Response::new(forgotten))
    }
}

impl Front {
    async fn gallery_changed(&self, person: &str) -> Result<(), Status> {
        let (control, person) = (self.control.clone(), person.to_owned());
        write(move || control.gallery_changed(&person)).await
    }
}
