//! The address at which a client asked, for links that it shall follow from anywhere. It is the client's own word, given
//! back to that client only and kept nowhere.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The stage's name that was taken out of the path, where the gateway's address has one.
#[derive(Debug, Clone)]
pub(crate) struct Stage(pub(crate) String);

/// The beginning of absolute links; empty if the request names no host, and then links are relative to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicAddress(String);

impl PublicAddress {
    /// A link to what lies under a path; a link that is absolute already stays as it is.
    pub(crate) fn link(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.0) } else { path.to_owned() }
    }
}

impl<S: Sync> FromRequestParts<S> for PublicAddress {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let host = head.headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let host = host.or_else(|| head.uri.authority().cloned());
        let stage = head.extensions.get::<Stage>().map(|stage| format!("/{}", stage.0)).unwrap_or_default();
        let address = host.map(|host| format!("{}://{host}{stage}", scheme(&head.headers)));
        Ok(Self(address.unwrap_or_default()))
    }
}

/// What a proxy in front says; this server itself speaks no TLS.
fn scheme(headers: &HeaderMap) -> &'static str {
    let said = headers.get(X_FORWARDED_PROTO).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = said.split(',').next().unwrap_or_default().trim();
    if first.eq_ignore_ascii_case("https") { "https" } else { "http" }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    async fn link(headers: &[(&str, &str)], stage: Option<&str>) -> String {
        let mut request = Request::builder().uri("/v1/uploads");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        if let Some(stage) = stage {
            head.extensions.insert(Stage(stage.into()));
        }
        let Ok(address) = PublicAddress::from_request_parts(&mut head, &()).await;
        address.link("/x")
    }

    #[tokio::test]
    async fn a_link_begins_as_the_client_asked() {
        assert_eq!(link(&[("host", "localhost:8080")], None).await, "http://localhost:8080/x");
        let behind_proxy = [("host", "api.example.com"), ("x-forwarded-proto", "https")];
        assert_eq!(link(&behind_proxy, None).await, "https://api.example.com/x");
        assert_eq!(link(&behind_proxy, Some("prod")).await, "https://api.example.com/prod/x");
        assert_eq!(link(&[], None).await, "/x");
        assert_eq!(link(&[("host", "no host at all")], None).await, "/x");
    }

    #[tokio::test]
    async fn an_absolute_link_stays() {
        let address = PublicAddress("http://here".into());
        assert_eq!(address.link("https://bucket.example.com/k"), "https://bucket.example.com/k");
    }
}
