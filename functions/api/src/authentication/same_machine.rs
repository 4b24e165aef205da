//! Keeps web pages of other sites from using a server that trusts its own machine: against DNS rebinding the `Host` must be
//! a loopback name, against cross-site requests the `Origin` must be that host. Programs send neither and pass.

use std::net::IpAddr;

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};

use super::AuthenticationError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Refuses what a browser sends on behalf of another site.
pub(crate) fn require_same_machine(head: &Parts) -> Result<(), AuthenticationError> {
    let refuse = |sign| Err(AuthenticationError::ForeignOrigin(sign));
    let Some(authority) = authority(head) else {
        return refuse("the request names no host, or one that cannot be read");
    };
    if !is_loopback(authority.host()) || authority.as_str().contains('@') {
        return refuse("the request names a host other than localhost, 127.0.0.1 or [::1]");
    }
    if let Some(origin) = head.headers.get(ORIGIN) {
        let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
        let same = origin.and_then(|uri| Some(is_same_host(uri.authority()?, &authority)));
        if same != Some(true) {
            return refuse("the request comes from a page of another origin");
        }
    }
    if is_foreign_fetch(&head.method, &head.headers) {
        return refuse("the request comes from a page of another site");
    }
    Ok(())
}

/// The one host that the request is for; none if it names several.
fn authority(head: &Parts) -> Option<Authority> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.uri.authority().cloned(),
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (Some(_), Some(_)) => None,
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_localhost =
        name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    is_localhost || address.is_ok_and(|address| address.is_loopback())
}

fn is_same_host(origin: &Authority, host: &Authority) -> bool {
    origin.as_str().eq_ignore_ascii_case(host.as_str())
}

/// What browsers say of themselves. A link that somebody followed is no fetch and harmless.
fn is_foreign_fetch(method: &Method, headers: &HeaderMap) -> bool {
    let Some(site) = headers.get(SEC_FETCH_SITE) else { return false };
    let followed_link =
        method == Method::GET && headers.get(SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate");
    site != "none" && site != "same-origin" && !followed_link
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_accepted(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/v1/documents");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        require_same_machine(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn only_loopback_hosts_are_served() {
        for good in [
            "localhost",
            "localhost:8080",
            "LOCALHOST:1",
            "127.0.0.1:9",
            "127.8.8.8",
            "[::1]:80",
            "app.localhost",
        ] {
            assert!(is_accepted("GET", &[("host", good)]), "{good}");
        }
        for bad in [
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com:80",
            "192.168.0.3",
            "[::2]",
            "0.0.0.0:80",
            "x@localhost",
            "",
        ] {
            assert!(!is_accepted("GET", &[("host", bad)]), "{bad}");
        }
        assert!(!is_accepted("GET", &[]));
        assert!(!is_accepted("GET", &[("host", "localhost"), ("host", "example.com")]));
    }

    #[test]
    fn only_pages_of_this_server_may_ask() {
        let from = |origin| is_accepted("POST", &[("host", "localhost:8080"), ("origin", origin)]);
        assert!(from("http://localhost:8080"));
        for bad in
            ["http://localhost:3000", "https://evil.example", "null", "http://127.0.0.1:8080", "", "file://"]
        {
            assert!(!from(bad), "{bad}");
        }
    }

    #[test]
    fn fetches_of_other_sites_are_refused_and_links_are_followed() {
        let fetch = |method, site, mode| {
            is_accepted(method, &[("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)])
        };
        assert!(fetch("GET", "same-origin", "cors"));
        assert!(fetch("GET", "none", "navigate"));
        assert!(fetch("GET", "cross-site", "navigate"));
        assert!(!fetch("GET", "cross-site", "no-cors"));
        assert!(!fetch("POST", "cross-site", "navigate"));
        assert!(!fetch("GET", "same-site", "no-cors"));
    }
}
