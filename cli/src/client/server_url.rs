//! The server's address and the addresses below it. Percent-encoding of path segments, query values and header values
//! lives here, too. Redirects and proxies are not followed.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use http::Uri;

/// `http://host:port/prefix` without a slash at its end. A prefix is what API Gateway calls a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    text: String,
    is_plain: bool,
    host: String,
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.trim().parse().map_err(|error| format!("not a URL: {error}"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err("a URL begins with http:// or https://".into());
        }
        let authority = uri.authority().ok_or("a URL names a host")?;
        if authority.as_str().contains('@') {
            return Err("a user name in the URL is not supported; use --api-key".into());
        }
        if uri.query().is_some() {
            return Err("the server's URL has no query".into());
        }
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            text: format!("{scheme}://{authority}{path}"),
            is_plain: scheme == "http",
            host: authority.host().to_owned(),
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ServerUrl {
    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_plain && !self.is_this_machine()
    }

    /// Whether the server runs on the machine of the client.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.starts_with("127.") || self.host == "[::1]"
    }

    /// The address below the server's: `segments` are encoded, a query value that is absent is left out.
    pub(crate) fn address(&self, segments: &[&str], query: &[(&str, Option<String>)]) -> String {
        let mut address = self.text.clone();
        for segment in segments {
            address.push('/');
            encode_into(&mut address, segment);
        }
        let mut separator = '?';
        for (name, value) in query {
            if let Some(value) = value {
                address.push(separator);
                address.push_str(name);
                address.push('=');
                encode_into(&mut address, value);
                separator = '&';
            }
        }
        address
    }
}

/// The text with every byte but the unreserved ones of RFC 3986 percent-encoded; also fit for a header.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode_into(&mut encoded, text);
    encoded
}

fn encode_into(target: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            target.push(char::from(byte));
        } else {
            write!(target, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
}

/// The text behind a percent-encoded one; none if it is not UTF-8. A stray `%` stands for itself.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_the_stage_and_encodes_what_it_is_given() {
        let server: ServerUrl = "https://abc.example.com/prod/".parse().unwrap();
        assert_eq!(
            server.address(&["v1", "documents", "a/b ü"], &[("cursor", Some("x&y".into())), ("limit", None)]),
            "https://abc.example.com/prod/v1/documents/a%2Fb%20%C3%BC?cursor=x%26y"
        );
    }

    #[test]
    fn an_address_that_is_not_a_server_is_refused() {
        for bad in ["", "localhost:8787", "ftp://a", "http://u:p@a", "http://a/?q=1", "/v1"] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn only_plain_http_to_another_machine_is_exposed() {
        let exposed = |text: &str| text.parse::<ServerUrl>().unwrap().is_exposed();
        assert!(!exposed("http://127.0.0.1:8787"));
        assert!(!exposed("http://[::1]:8787"));
        assert!(!exposed("https://a.example"));
        assert!(exposed("http://a.example"));
    }

    #[test]
    fn encoding_reads_back() {
        for text in ["plain.pdf", "Jahresbericht 2025 – Übersicht.pdf", "100%", "日本語.txt"] {
            assert_eq!(percent_decoded(&percent_encoded(text)).as_deref(), Some(text));
        }
        assert_eq!(percent_decoded("50%"), Some("50%".into()));
        assert_eq!(percent_decoded("%zz"), Some("%zz".into()));
    }
}
