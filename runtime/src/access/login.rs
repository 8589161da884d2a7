//! Single-use login links: how a person gets a session.

use axum::{
    Router,
    extract::{Extension, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tracing::{info, warn};

use super::{
    Access, Error, Role, Subject,
    credentials::Kind,
    layer::{Peer, cookie, plain},
    lock,
};
use crate::config::Secret;

/// The session's cookie.
pub const COOKIE: &str = "cortex_session";
/// A login link counts so long, in seconds.
pub const LINK_LIFE_S: i64 = 600;
/// A session counts so long, in seconds.
const SESSION_LIFE_S: i64 = 12 * 60 * 60;

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    token: String,
}

impl Access {
    /// A new login link's token, for the administrator: the page's address is `/login?token=…`. It counts once, for
    /// [`LINK_LIFE_S`], from loopback.
    ///
    /// # Errors
    /// The store or the audit failed.
    pub fn link(&self) -> Result<Secret, Error> {
        let administrator = Subject { name: "administrator".to_owned(), roles: vec![Role::Administrator] };
        self.0.audit.write("local", "link", &administrator.name, "")?;
        self.issue(Kind::Link, &administrator, LINK_LIFE_S)
    }

    /// Exchanges a login link for a session's token. Failures are slowed down.
    ///
    /// # Errors
    /// The link is unknown, used or expired; there were too many of those; the store or the audit failed.
    pub fn login(&self, link: &str) -> Result<Secret, Error> {
        if !lock(&self.0.failures).allows(self.now_us()) {
            return Err(Error::Slow);
        }
        let Some(subject) = self.take(Kind::Link, link)? else {
            lock(&self.0.failures).fail();
            return Err(Error::Link);
        };
        self.0.audit.write(&subject.name, "login", "", "")?;
        self.issue(Kind::Session, &subject, SESSION_LIFE_S)
    }

    /// Ends a session at once.
    ///
    /// # Errors
    /// The store failed.
    pub fn logout(&self, session: &str) -> Result<(), Error> {
        self.end(Kind::Session, session)
    }

    /// `GET /login?token=…` begins a session, `POST /login` makes a new link (administrators; for `cortex login`),
    /// `POST /logout` ends the session.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/login", get(begin).post(make))
            .route("/logout", post(end))
            .with_state(self.clone())
    }
}

async fn begin(State(access): State<Access>, peer: Peer, Query(login): Query<Login>) -> Response {
    if !peer.is_loopback() {
        warn!("login link used from another machine, refused");
        return plain(StatusCode::FORBIDDEN, "login links work on the machine that runs Cortex only\n");
    }
    match access.login(&login.token) {
        Ok(session) => {
            info!("session begun with a login link");
            let secure = if access.0.secure { "; Secure" } else { "" };
            let cookie = format!(
                "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={SESSION_LIFE_S}{secure}",
                session.expose()
            );
            let headers =
                [(header::SET_COOKIE, secret(&cookie)), (header::LOCATION, HeaderValue::from_static("/"))];
            (StatusCode::SEE_OTHER, headers, no_store()).into_response()
        }
        Err(error @ Error::Link) => {
            plain(StatusCode::FORBIDDEN, &format!("{error}: `cortex login` makes a new one\n"))
        }
        Err(error @ Error::Slow) => plain(StatusCode::TOO_MANY_REQUESTS, &format!("{error}\n")),
        Err(error) => {
            warn!(%error, "login failed");
            plain(StatusCode::SERVICE_UNAVAILABLE, "login is not possible now: the log says why\n")
        }
    }
}

async fn make(State(access): State<Access>, Extension(subject): Extension<Subject>) -> Response {
    if !subject.roles.contains(&Role::Administrator) {
        return plain(StatusCode::FORBIDDEN, "only administrators make login links\n");
    }
    match access.link() {
        Ok(link) => (no_store(), format!("/login?token={}\n", link.expose())).into_response(),
        Err(error) => {
            warn!(%error, "login link not made");
            plain(StatusCode::SERVICE_UNAVAILABLE, "no login link can be made now: the log says why\n")
        }
    }
}

async fn end(State(access): State<Access>, headers: HeaderMap) -> Response {
    if let Some(session) = cookie(&headers)
        && let Err(error) = access.logout(session)
    {
        warn!(%error, "logout failed");
        return plain(StatusCode::SERVICE_UNAVAILABLE, "logout is not possible now: the log says why\n");
    }
    let gone = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, secret(&gone))]).into_response()
}

fn secret(value: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(value).expect("hex and fixed words are ASCII");
    value.set_sensitive(true);
    value
}

fn no_store() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}
