//! Whether this process lives and is ready, and what it measures.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tracing::{info, warn};

use crate::telemetry::Telemetry;

/// Named conditions of readiness; a cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Parts>>);

/// How each part is: ready, or why not.
type Parts = BTreeMap<Cow<'static, str>, Result<(), String>>;

/// What `/readyz` answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Everything is.
    pub ready: bool,
    /// What is not, and why.
    pub waiting: BTreeMap<Cow<'static, str>, String>,
}

impl Health {
    /// Says how a part is. `Err` has the reason, lower-case. A part that was never heard of does not count, so each
    /// is set to `Err("starting")` before the port opens.
    pub fn set(&self, part: impl Into<Cow<'static, str>>, state: Result<(), String>) {
        let (part, mut parts) = (part.into(), self.lock());
        if parts.get(&part) != Some(&state) {
            match &state {
                Ok(()) => info!(%part, "ready"),
                Err(reason) => warn!(%part, reason, "not ready"),
            }
            parts.insert(part, state);
        }
    }

    /// What is ready, at this moment. A process in which nothing was set is not.
    pub fn readiness(&self) -> Readiness {
        let parts = self.lock();
        let waiting: BTreeMap<_, _> = parts
            .iter()
            .filter_map(|(part, state)| Some((part.clone(), state.as_ref().err()?.clone())))
            .collect();
        Readiness { ready: waiting.is_empty() && !parts.is_empty(), waiting }
    }

    /// `/livez` (the event loop turns), `/readyz` (200, or 503 with what is not ready) and `/metrics` (Prometheus).
    /// Stands behind the access layer, which opens the first two.
    pub fn router(&self, telemetry: &Telemetry) -> Router {
        Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .with_state(self.clone())
            .merge(Router::new().route("/metrics", get(metrics)).with_state(telemetry.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Cow<'static, str>, Result<(), String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn readyz(State(health): State<Health>) -> Response {
    let readiness = health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(&readiness).expect("words are JSON");
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

async fn metrics(State(telemetry): State<Telemetry>) -> Response {
    match telemetry.metrics() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            warn!(%error, "metrics not written");
            (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written: the log says why\n")
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_part_is() {
        let health = Health::default();
        assert!(!health.readiness().ready, "a process that has said nothing is not ready");
        health.set("store", Ok(()));
        health.set("detector", Err("loading models".to_owned()));
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.waiting["detector"], "loading models");
        health.set("detector", Ok(()));
        assert!(health.readiness().ready);
    }
}
