//! Stands before every service: which host, which origin, which credential, which role.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts},
    http::{
        HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts, uri::Authority,
    },
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};
use tokio_util::either::Either;
use tower::{Layer, Service};
use tracing::{debug, warn};

use super::{
    Access, Error, Subject,
    credentials::Kind,
    login::COOKIE,
    roles::{Needs, needs},
};

/// Puts [`AccessService`] before a service.
#[derive(Clone)]
pub struct AccessLayer(Access);

/// Answers UNAUTHENTICATED or PERMISSION_DENIED itself (gRPC, gRPC-Web, or 401 and 403), and passes everything else
/// on with a [`Subject`] in the request's extensions.
#[derive(Clone)]
pub struct AccessService<S> {
    inner: S,
    access: Access,
}

/// The machine at the other end, from the connection and not from a header; `None` where the server does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(Option<IpAddr>);

/// Why a request is not passed on.
#[derive(Debug)]
struct Refusal {
    /// As a plain answer.
    http: StatusCode,
    /// As a gRPC answer.
    code: tonic::Code,
    text: &'static str,
}

/// What answers without credentials.
const HEALTH: [&str; 2] = ["/livez", "/readyz"];
/// Whose credential is the link itself.
const LOGIN: &str = "/login";

const NO_CREDENTIAL: Refusal = Refusal {
    http: StatusCode::UNAUTHORIZED,
    code: tonic::Code::Unauthenticated,
    text: "log in: `cortex login` prints a link; machines send `authorization: Bearer <token>`",
};
const NO_ROLE: Refusal = Refusal {
    http: StatusCode::FORBIDDEN,
    code: tonic::Code::PermissionDenied,
    text: "your roles do not allow this",
};
const FOREIGN_HOST: Refusal = Refusal {
    http: StatusCode::FORBIDDEN,
    code: tonic::Code::PermissionDenied,
    text: "this host name is not served: use localhost, or add the name to `listen.hosts`",
};
const FOREIGN_ORIGIN: Refusal = Refusal {
    http: StatusCode::FORBIDDEN,
    code: tonic::Code::PermissionDenied,
    text: "requests from other web pages are refused",
};
const NOT_NOW: Refusal = Refusal {
    http: StatusCode::SERVICE_UNAVAILABLE,
    code: tonic::Code::Unavailable,
    text: "credentials cannot be checked now: the log says why",
};

impl Access {
    /// The layer that stands before every service of this process.
    pub fn layer(&self) -> AccessLayer {
        AccessLayer(self.clone())
    }

    /// Whose bearer token this is.
    ///
    /// # Errors
    /// The store failed.
    pub fn bearer(&self, token: &str) -> Result<Option<Subject>, Error> {
        self.look_up(Kind::Token, token)
    }

    /// Whose session this is.
    ///
    /// # Errors
    /// The store failed.
    pub fn session(&self, token: &str) -> Result<Option<Subject>, Error> {
        self.look_up(Kind::Session, token)
    }

    /// The subject, or nobody for what is open.
    fn check<B>(&self, request: &Request<B>) -> Result<Option<Subject>, Refusal> {
        let path = request.uri().path();
        // Probes of an orchestrator come under the pod's address.
        if request.method() == Method::GET && HEALTH.contains(&path) {
            return Ok(None);
        }
        let host = host(request).filter(|host| self.serves(host)).ok_or(FOREIGN_HOST)?;
        same_origin(request.headers(), &host, request.method())?;
        if request.method() == Method::GET && path == LOGIN {
            return Ok(None);
        }
        let subject = waiting(|| self.subject(request.headers())).map_err(|error| {
            warn!(%error, "credential not checked");
            NOT_NOW
        })?;
        let subject = subject.ok_or(NO_CREDENTIAL)?;
        let allowed = match needs(path) {
            Needs::Roles(roles) => subject.roles.iter().any(|role| roles.contains(role)),
            Needs::Credential => true,
            Needs::Nobody => false,
        };
        if allowed { Ok(Some(subject)) } else { Err(NO_ROLE) }
    }

    fn subject(&self, headers: &HeaderMap) -> Result<Option<Subject>, Error> {
        match headers.get(header::AUTHORIZATION) {
            // A bad token is never saved by a good cookie: the two may be of different people.
            Some(value) => match value.to_str().ok().and_then(bearer) {
                Some(token) => self.bearer(token),
                None => Ok(None),
            },
            None => cookie(headers).map_or(Ok(None), |token| self.session(token)),
        }
    }

    fn serves(&self, host: &Authority) -> bool {
        let name = host.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
        let loopback = name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        name == "localhost" || loopback || self.0.hosts.contains(&name)
    }
}

/// Does what may have to wait for a server, beside the tasks of this thread where that can be.
fn waiting<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session's token among the cookies.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// Under which name the request reached us: one name, or none that counts.
fn host<B>(request: &Request<B>) -> Option<Authority> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let header = headers.next().map(|value| value.to_str().ok()?.parse::<Authority>().ok());
    if headers.next().is_some() {
        return None;
    }
    match (request.uri().authority(), header) {
        (Some(authority), None) => Some(authority.clone()),
        (Some(authority), Some(Some(header))) if *authority == header => Some(header),
        (None, Some(header)) => header,
        _ => None,
    }
}

/// Refuses what a page of another origin makes a browser send.
fn same_origin(headers: &HeaderMap, host: &Authority, method: &Method) -> Result<(), Refusal> {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let authority =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
        if authority.is_none_or(|authority| !authority.eq_ignore_ascii_case(host.as_str())) {
            return Err(FOREIGN_ORIGIN);
        }
    }
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|value| value == word);
    let foreign = says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site");
    // A link on another page may be followed; the cookie does not go along, because it is SameSite=Strict.
    let followed = says("sec-fetch-mode", "navigate") && method == Method::GET;
    if foreign && !followed { Err(FOREIGN_ORIGIN) } else { Ok(()) }
}

impl Refusal {
    /// The answer in the form that the client understands.
    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        match kind.filter(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
            Some(kind) => {
                let mut response = tonic::Status::new(self.code, self.text).into_http::<Body>();
                // gRPC-Web reads the status from the headers too, under its own content type.
                response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
                response
            }
            None => {
                let mut response = plain(self.http, &format!("{}\n", self.text));
                if self.http == StatusCode::UNAUTHORIZED {
                    response
                        .headers_mut()
                        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }
}

/// A few plain words as an answer.
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Peer {
    pub(super) fn is_loopback(self) -> bool {
        self.0.is_some_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let of_axum = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let of_tonic = || {
            let info = parts.extensions.get::<tonic::transport::server::TcpConnectInfo>();
            info.and_then(tonic::transport::server::TcpConnectInfo::remote_addr).map(|address| address.ip())
        };
        Ok(Self(of_axum.or_else(of_tonic)))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService { inner, access: self.0.clone() }
    }
}

impl<S, B> Service<Request<B>> for AccessService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.access.check(&request) {
            Ok(subject) => {
                // Nothing of outside speaks for itself.
                request.extensions_mut().remove::<Subject>();
                if let Some(subject) = subject {
                    request.extensions_mut().insert(subject);
                }
                Either::Left(self.inner.call(request))
            }
            Err(refusal) => {
                debug!(path = request.uri().path(), code = ?refusal.code, "request refused");
                Either::Right(ready(Ok(refusal.answer(&request))))
            }
        }
    }
}
