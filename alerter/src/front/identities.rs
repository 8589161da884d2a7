use cortex_process::as_caller;
use cortex_proto::v1::{self, identity_service_server::IdentityService};
use tonic::{Request, Response, Status};

use super::{Front, cameras::write};

#[tonic::async_trait]
impl IdentityService for Front {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        // The person has no id yet, and a name is never written.
        let pictures = format!("{} pictures", request.get_ref().pictures.len());
        self.access.audited(&request, "enrol", "person", &pictures).await?;
        let who = as_caller(&request, ());
        let enrolled = (self.hands.enrol)(request).await?;
        if let Err(status) = self.access.audited(&who, "enrolled", &enrolled.person, "").await {
            (self.hands.forget)(as_caller(&who, v1::DeleteIdentityRequest { person: enrolled.person }))
                .await?;
            return Err(status);
        }
        self.gallery_changed(&enrolled.person).await?;
        Ok(Response::new(enrolled))
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
        let person = request.get_ref().person.clone();
        let forgotten = (self.hands.forget)(request).await?;
        self.gallery_changed(&person).await?;
        Ok(Response::new(forgotten))
    }

    async fn name(&self, request: Request<v1::NameRequest>) -> Result<Response<v1::NameResponse>, Status> {
        (self.hands.name)(request).await.map(Response::new)
    }
}

impl Front {
    async fn gallery_changed(&self, person: &str) -> Result<(), Status> {
        let (control, person) = (self.control.clone(), person.to_owned());
        write(move || control.gallery_changed(&person)).await
    }
}
