//! The dashboard's files, built into the binary.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../dashboard/dist"]
#[allow_missing = true]
struct Files;

/// Nothing from elsewhere, no frames, no inline scripts.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The file of this path; the page itself for every path that is none.
pub(crate) async fn page(uri: Uri) -> Response<Body> {
    let path = uri.path().trim_start_matches('/');
    let (name, file) = match Files::get(path) {
        Some(file) if !path.is_empty() => (path, file),
        _ => match Files::get("index.html") {
            Some(file) => ("index.html", file),
            None => {
                let text = "this binary was built without its page: run `make setup`, then build again";
                return (StatusCode::NOT_FOUND, text).into_response();
            }
        },
    };
    let kind = match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "png" => "image/png",
        _ => "application/octet-stream",
    };
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let headers = response.headers_mut();
    let caching = if name == "index.html" { "no-store" } else { "max-age=31536000, immutable" };
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, caching),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
