//! Requests that need a certain stage: in this process a function, in a fleet that stage's own small service.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use tonic::{
    Request, Response, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::Config;

/// A call to a stage. The request has its caller's credential and subject with it.
pub type Call<Q, R> =
    Arc<dyn Fn(Request<Q>) -> Pin<Box<dyn Future<Output = Result<R, Status>> + Send>> + Send + Sync>;

/// The largest message of a service that takes pictures: sixteen pictures of ten MiB would be more, and is refused.
pub const MOST_BYTES: usize = 64 << 20;

/// How long another process may take to be reached, and to answer: a probe takes fifteen seconds, and models are loaded at
/// the first request.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(60);

/// What a caller shows who it is by.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// Another request by the same caller.
pub fn as_caller<T, Q>(request: &Request<T>, message: Q) -> Request<Q> {
    Request::from_parts(request.metadata().clone(), request.extensions().clone(), message)
}

/// Work of this process that may take long, on a thread that may wait.
pub fn here<Q: Send + 'static, R: Send + 'static>(
    work: impl Fn(Request<Q>) -> Result<R, Status> + Send + Sync + 'static,
) -> Call<Q, R> {
    let work = Arc::new(work);
    Arc::new(move |request| {
        let work = Arc::clone(&work);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(request)).await;
            done.map_err(|_| Status::internal("the request panicked; the message is in the log"))?
        })
    })
}

/// Another stage's process. It is connected to at the first call, and again after a break.
#[derive(Clone)]
pub struct Peer {
    stage: &'static str,
    /// Nobody has said where it is, without one.
    channel: Option<(String, Channel)>,
}

impl Peer {
    /// The process of `stage` at `address`, a value of section `[stages]`.
    ///
    /// # Errors
    /// The address is none, or its authority's file cannot be read.
    pub fn new(config: &Config, stage: &'static str, address: &str) -> anyhow::Result<Self> {
        if address.is_empty() {
            return Ok(Self { stage, channel: None });
        }
        let endpoint =
            Endpoint::from_shared(address.to_owned()).with_context(|| format!("use `stages.{stage}`"))?;
        let mut endpoint = endpoint.connect_timeout(CONNECT).timeout(ANSWER);
        if address.starts_with("https://") {
            let ca = &config.stages.ca;
            let ca = if ca.as_os_str().is_empty() { &config.listen.certificate } else { ca };
            let pem = std::fs::read(ca).with_context(|| {
                format!("read who signed the certificate of the {stage}, `stages.ca`: {}", ca.display())
            })?;
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
            endpoint = endpoint.tls_config(tls)?;
        }
        Ok(Self { stage, channel: Some((address.to_owned(), endpoint.connect_lazy())) })
    }

    /// A call of its service, as whoever calls here: the credential goes along and is verified again there.
    pub fn call<Q, R, F>(&self, ask: impl Fn(Channel, Request<Q>) -> F + Send + Sync + 'static) -> Call<Q, R>
    where
        Q: Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let (peer, ask) = (self.clone(), Arc::new(ask));
        Arc::new(move |request| {
            let (peer, ask) = (peer.clone(), Arc::clone(&ask));
            Box::pin(async move {
                let Some((address, channel)) = peer.channel else {
                    return Err(Status::unavailable(format!(
                        "this needs the {0}, and nobody has said where it is: set `stages.{0}`",
                        peer.stage
                    )));
                };
                let answer = ask(channel, forwarded(request)).await;
                answer.map(Response::into_inner).map_err(|status| lost(status, peer.stage, &address))
            })
        })
    }
}

/// The message with nothing but the caller's credential.
fn forwarded<Q>(request: Request<Q>) -> Request<Q> {
    let (metadata, _, message) = request.into_parts();
    let mut fresh = Request::new(message);
    for name in CREDENTIALS {
        for value in metadata.get_all(name) {
            fresh.metadata_mut().append(name, value.clone());
        }
    }
    fresh
}

/// What a process said is passed on; that it said nothing is told with where it should be.
fn lost(status: Status, stage: &str, address: &str) -> Status {
    let Some(why) = std::error::Error::source(&status) else {
        return Status::new(status.code(), status.message());
    };
    let mut innermost = why;
    while let Some(below) = innermost.source() {
        innermost = below;
    }
    Status::unavailable(format!("the {stage} at {address} does not answer: {innermost}"))
}

/// Models that are loaded at the first request, and used by one request at a time.
pub struct Lazy<T> {
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    made: Mutex<Option<T>>,
}

impl<T> Lazy<T> {
    /// Nothing yet; `make` is called until it gives something.
    pub fn new(make: impl Fn() -> Result<T, String> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), made: Mutex::new(None) }
    }

    /// Works with it alone.
    ///
    /// # Errors
    /// It cannot be made, or `work` failed.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> Result<R, Status>) -> Result<R, Status> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some((self.make)().map_err(Status::internal)?);
        }
        match made.as_mut() {
            Some(value) => work(value),
            None => Err(Status::internal("models are not loaded")),
        }
    }
}
