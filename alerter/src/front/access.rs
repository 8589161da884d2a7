use cortex_proto::v1::{self, access_service_server::AccessService};
use cortex_runtime::access::{CLI, Error, Role, roles::ROLES, subject};
use tonic::{Request, Response, Status};

use super::Front;
use crate::subscribe::blocking;

const MOST_DAYS: u32 = 3_650;
const DAY_S: i64 = 86_400;

#[tonic::async_trait]
impl AccessService for Front {
    async fn issue(&self, request: Request<v1::IssueRequest>) -> Result<Response<v1::IssueResponse>, Status> {
        let by = subject(&request)?.name;
        let request = request.into_inner();
        check_subject(&request.subject)?;
        if request.roles.is_empty() || request.days > MOST_DAYS {
            return Err(Status::invalid_argument(format!(
                "roles: at least one; days: 0 to {MOST_DAYS}, 0 for ever"
            )));
        }
        let roles = request.roles.iter().map(|word| role(word)).collect::<Result<Vec<_>, _>>()?;
        let access = self.access.clone();
        // Audited inside, before the token is.
        let token = blocking(move || {
            Ok(access.token(&by, &request.subject, &roles, i64::from(request.days) * DAY_S))
        });
        let token = token.await?.map_err(|error| refused(&error))?;
        Ok(Response::new(v1::IssueResponse { token: token.expose().to_owned() }))
    }

    async fn revoke(
        &self,
        request: Request<v1::RevokeRequest>,
    ) -> Result<Response<v1::RevokeResponse>, Status> {
        let by = subject(&request)?.name;
        let name = request.into_inner().subject;
        check_subject(&name)?;
        let access = self.access.clone();
        blocking(move || Ok(access.revoke_all(&by, &name))).await?.map_err(|error| refused(&error))?;
        Ok(Response::new(v1::RevokeResponse {}))
    }
}

fn check_subject(name: &str) -> Result<(), Status> {
    let fits = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        return Err(Status::invalid_argument("subject: 1 to 64 letters, digits, `-`, `_` and `.`"));
    }
    if name.split('@').next() == Some(CLI) {
        return Err(Status::invalid_argument(format!(
            "subject: `{CLI}` is the local command line, whose token every start makes anew"
        )));
    }
    Ok(())
}

fn role(word: &str) -> Result<Role, Status> {
    ROLES.into_iter().find(|role| role.word() == word).ok_or_else(|| {
        let words: Vec<&str> = ROLES.iter().map(|role| role.word()).collect();
        Status::invalid_argument(format!("roles: `{word}` is none; there are {}", words.join(", ")))
    })
}

fn refused(error: &Error) -> Status {
    tracing::error!(%error, "credential not changed");
    Status::unavailable("credentials cannot be changed now: the log says why")
}
