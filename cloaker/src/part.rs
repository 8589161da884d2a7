//! The cloaker as a part of a process: what is started, and what is done on request.

use cortex_infer::Library;
use cortex_process::{Call, Config, Lazy, MOST_BYTES, Part, Served, fatal, here};
use cortex_proto::v1::{
    self,
    cloak_service_server::{CloakService, CloakServiceServer},
};
use cortex_runtime::{Context, Stage as _, access::Access, runner};
use tonic::{Request, Response, Status, service::Routes};

use crate::{Cloaker, Redactor};

/// The cloaker as a process of its own.
pub const PART: Part = Part::stage(Cloaker::NAME, |process| {
    spawn(&process.context, &process.config)?;
    let service = Service { hands: Hands::new(&process.config), access: process.access.clone() };
    let service = CloakServiceServer::new(service)
        .max_decoding_message_size(MOST_BYTES)
        .max_encoding_message_size(MOST_BYTES);
    Ok(Served { router: Routes::new(service).into_axum_router(), login: false })
});

/// Starts the workers.
///
/// # Errors
/// The bus cannot be read.
pub fn spawn(context: &Context, config: &Config) -> anyhow::Result<()> {
    runner::spawn(context, &config.runner, || Ok(Cloaker::new(config.cloaker.clone()))).map_err(fatal)
}

/// What the cloaker does on request.
#[derive(Clone)]
pub struct Hands {
    /// Redacts a still.
    pub redact: Call<v1::RedactRequest, v1::RedactResponse>,
}

impl Hands {
    /// Models are loaded at the first request.
    pub fn new(config: &Config) -> Self {
        let config = config.clone();
        let redactor = Lazy::new(move || {
            let library = Library::load(&config.infer).map_err(|error| error.to_string())?;
            Redactor::load(&library, &config.infer, config.cloaker.clone()).map_err(|error| error.to_string())
        });
        let redact = here(move |request: Request<v1::RedactRequest>| {
            redactor.with(|redactor| {
                let done = redactor.redact(&request.get_ref().picture);
                let (picture, redacted) =
                    done.map_err(|error| Status::invalid_argument(error.to_string()))?;
                Ok(v1::RedactResponse { picture, redacted: redacted as u32 })
            })
        });
        Self { redact }
    }
}

/// The same for other processes.
struct Service {
    hands: Hands,
    access: Access,
}

#[tonic::async_trait]
impl CloakService for Service {
    async fn redact(
        &self,
        request: Request<v1::RedactRequest>,
    ) -> Result<Response<v1::RedactResponse>, Status> {
        self.access.noted(&request).await?;
        (self.hands.redact)(request).await.map(Response::new)
    }
}
