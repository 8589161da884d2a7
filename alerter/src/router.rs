//! The front on its port: gRPC, gRPC-Web, the login, the page.

use axum::{Extension, Json, Router, routing::get};
use cortex_runtime::access::Subject;
use serde_json::json;
use tonic_web::GrpcWebLayer;

use crate::{Front, page::page};

impl Front {
    /// Everything that the front answers; `profile` is the deployment's, for the page.
    pub fn router(&self, profile: &'static str) -> Router {
        let whoami = move |Extension(subject): Extension<Subject>| async move {
            Json(json!({ "subject": subject.name, "roles": subject.roles, "profile": profile }))
        };
        Router::new()
            .route("/whoami", get(whoami))
            .merge(self.access.router())
            .merge(self.routes().into_axum_router().layer(GrpcWebLayer::new()))
            .fallback(page)
    }
}
