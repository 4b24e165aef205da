//! What can go wrong between a command and the server, and the problem document of RFC 9457 with which the server
//! says so. Which exit code follows is decided in `exit_code.rs`; the words for a person in `output/failure.rs`.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::document::Receipt;

/// Longest part of an answer that is not a problem document shown as its detail.
const DETAIL_CHARACTERS_MAX: usize = 300;

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No connection.
    #[error("cannot reach {url}")]
    Unreachable {
        url: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Connected, but nothing came, or nothing more was taken, for this long.
    #[error("no answer from {url} for {} seconds", .after.as_secs())]
    NoAnswer { url: String, after: Duration },
    /// The connection ended in the middle of a request or an answer.
    #[error("the connection to {url} broke")]
    Broken {
        url: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server answered with an error.
    #[error("{}", .0.summary())]
    Refused(Box<Problem>),
    /// The server's answer is not what its API promises.
    #[error("cannot read the server's answer to {what}")]
    Unreadable {
        what: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A local file cannot be read or written.
    #[error("cannot use {}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A local file changed between being hashed and being sent.
    #[error("{} changed while it was being uploaded", .path.display())]
    Changed { path: PathBuf },
    /// The user's own limit on waiting.
    #[error("not settled within {} seconds", .after.as_secs())]
    WaitedTooLong { after: Duration },
}

impl ClientError {
    /// The problem document, if the server sent one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// The status of the server's answer, if it gave one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// Whether the next document would meet the same: no server, or no valid key. A 403 may be a firewall's verdict on one
    /// content.
    pub(crate) fn concerns_every_document(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => problem.status == 401,
            _ => false,
        }
    }
}

/// An error as the server describes it (RFC 9457, with our own members).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) title: String,
    pub(crate) detail: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) retryable: Option<bool>,
    /// With 410: what the deletion removed.
    pub(crate) receipt: Option<Receipt>,
    /// The body as it came, for `--json`.
    #[serde(skip)]
    pub(crate) text: String,
}

/// What API Gateway says in place of a problem document.
#[derive(Deserialize)]
struct GatewayMessage {
    #[serde(alias = "Message")]
    message: String,
}

impl Problem {
    /// Reads the body of an error; never fails, because a proxy in between may answer with anything.
    pub(crate) fn from_answer(status: StatusCode, location: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let mut problem = serde_json::from_str::<Self>(&text).unwrap_or_default();
        problem.status = status.as_u16();
        if problem.title.is_empty() {
            problem.title = status.canonical_reason().unwrap_or("Error").to_owned();
        }
        if problem.detail.is_none() {
            problem.detail = detail_without_problem(status, location, &text);
        }
        problem.text = text;
        problem
    }

    /// One line for a person.
    pub(crate) fn summary(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{} ({}): {detail}", self.title, self.status),
            None => format!("{} ({})", self.title, self.status),
        }
    }
}

fn detail_without_problem(status: StatusCode, location: Option<&str>, text: &str) -> Option<String> {
    if status.is_redirection() {
        let target = location.unwrap_or("another address");
        return Some(format!("the server redirects to {target}; give that server with --url"));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<GatewayMessage>(text).ok().map(|gateway| gateway.message);
    }
    let detail: String = text.trim().chars().take(DETAIL_CHARACTERS_MAX).collect();
    (!detail.is_empty()).then_some(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_keeps_its_members() {
        let body = br#"{"type":"https://x/t","title":"Too large","status":413,"detail":"at most 4 MB",
            "code":"too_large","correlation_id":"c-1","retryable":false}"#;
        let problem = Problem::from_answer(StatusCode::PAYLOAD_TOO_LARGE, None, body);
        assert_eq!(problem.summary(), "Too large (413): at most 4 MB");
        assert_eq!(problem.correlation_id.as_deref(), Some("c-1"));
        assert_eq!(problem.code.as_deref(), Some("too_large"));
    }

    #[test]
    fn answers_of_gateways_and_proxies_are_still_readable() {
        let gateway = Problem::from_answer(StatusCode::FORBIDDEN, None, br#"{"message":"Forbidden by key"}"#);
        assert_eq!(gateway.summary(), "Forbidden (403): Forbidden by key");
        let proxy = Problem::from_answer(StatusCode::BAD_GATEWAY, None, b"<html>bad gateway</html>");
        assert_eq!(proxy.summary(), "Bad Gateway (502): <html>bad gateway</html>");
        let empty = Problem::from_answer(StatusCode::NOT_FOUND, None, b"");
        assert_eq!(empty.summary(), "Not Found (404)");
    }

    #[test]
    fn a_redirect_names_the_address_to_use() {
        let problem = Problem::from_answer(StatusCode::MOVED_PERMANENTLY, Some("https://a.example/"), b"");
        assert!(problem.summary().contains("https://a.example/"));
    }
}
