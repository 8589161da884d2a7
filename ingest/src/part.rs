//! Ingest as a part of a process: what is started, and what is done on request.

use std::{sync::Arc, time::Duration};

use cortex_process::{Call, Config, Part, Process, Served, here};
use cortex_proto::v1::{
    self,
    probe_service_server::{ProbeService, ProbeServiceServer},
};
use cortex_runtime::{Source, access::Access, keys};
use tonic::{Request, Response, Status, service::Routes};
use tracing::warn;

use crate::{Credentials, Ingest, probe};

/// Ingest as a process of its own.
pub const PART: Part = Part::stage(Ingest::NAME, |process| {
    start(process)?;
    let service = Service { hands: Hands::new(&process.config), access: process.access.clone() };
    let routes = Routes::new(ProbeServiceServer::new(service));
    Ok(Served { router: routes.into_axum_router(), login: false })
});

/// How long an address is looked at.
const PROBE: Duration = Duration::from_secs(15);

/// Starts the source.
///
/// # Errors
/// The logins of the cameras cannot be read.
pub fn start(process: &Process) -> anyhow::Result<()> {
    let ingest = Ingest::new(process.config.ingest.clone(), credentials(&process.config)?);
    let context = process.context.clone();
    process.context.lifecycle.thread(Ingest::NAME, move || ingest.run(context));
    Ok(())
}

/// Logins of cameras by name, as the file has them when they are asked for: a corrected one needs no restart.
///
/// # Errors
/// Their file cannot be read, or others can read it too.
pub fn credentials(config: &Config) -> anyhow::Result<Credentials> {
    let path = config.keys.credentials.clone();
    keys::Credentials::load(&path)?;
    Ok(Arc::new(move |name| {
        let known = keys::Credentials::load(&path).inspect_err(|error| warn!(%error, "logins not read"));
        known.ok()?.get(name).map(|login| (login.user.clone(), login.password.expose().to_owned()))
    }))
}

/// What ingest does on request.
#[derive(Clone)]
pub struct Hands {
    /// Looks at an address.
    pub probe: Call<v1::ProbeRequest, v1::ProbeResponse>,
}

impl Hands {
    /// Addresses come through the API, and logins are read anew for each.
    pub fn new(config: &Config) -> Self {
        let config = config.clone();
        let probe = here(move |request: Request<v1::ProbeRequest>| {
            let logins = credentials(&config).map_err(|error| Status::internal(error.to_string()))?;
            probe(&request.into_inner(), v1::Origin::Api, &config.ingest, &logins, PROBE)
                .map_err(|error| Status::unavailable(error.to_string()))
        });
        Self { probe }
    }
}

/// The same for other processes.
struct Service {
    hands: Hands,
    access: Access,
}

#[tonic::async_trait]
impl ProbeService for Service {
    async fn probe(&self, request: Request<v1::ProbeRequest>) -> Result<Response<v1::ProbeResponse>, Status> {
        self.access.noted(&request).await?;
        (self.hands.probe)(request).await.map(Response::new)
    }
}
