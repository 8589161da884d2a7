//! What a service does with the subject that the access layer found.

use tonic::{Request, Status};

use super::{Access, Subject};

/// Who calls. The access layer has put it there; without it the call is refused.
///
/// # Errors
/// There is none.
pub fn subject<T>(request: &Request<T>) -> Result<Subject, Status> {
    let found = request.extensions().get::<Subject>().cloned();
    found.ok_or_else(|| Status::unauthenticated("no credentials: use a login link or a bearer token"))
}

impl Access {
    /// Writes down that the caller does `action` on `object`, before it is done: what cannot be audited is refused.
    /// `detail` has nothing biometric, no name and no secret.
    ///
    /// # Errors
    /// Nobody calls, or it was not written.
    pub fn audited<T>(
        &self,
        request: &Request<T>,
        action: &'static str,
        object: &str,
        detail: &str,
    ) -> impl Future<Output = Result<(), Status>> + use<T> {
        let (access, subject) = (self.clone(), subject(request));
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
}
