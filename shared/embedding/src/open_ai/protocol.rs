//! What goes over the wire, and what its answers mean: requests, responses, statuses. No connection is made here.

use http::{HeaderMap, StatusCode, header};
use millrace_ports::{EmbedderError, Embedding};
use serde::{Deserialize, Serialize};

/// A header of OpenAI's own, finer than `Retry-After`.
const RETRY_AFTER_MS: &str = "retry-after-ms";

/// The body of a request.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) input: &'a [&'a str],
    pub(super) encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Response {
    data: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: FailureDetail,
}

#[derive(Debug, Deserialize)]
struct FailureDetail {
    #[serde(default)]
    code: Option<serde_json::Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// The vectors of an answer in the order of the texts, at unit length.
pub(super) fn read(body: &[u8], texts: usize, dimensions: u16) -> Result<Vec<Embedding>, EmbedderError> {
    let invalid = |what: String| EmbedderError::Invalid(what);
    // A cut or garbled answer says nothing about the request.
    let response: Response = serde_json::from_slice(body)
        .map_err(|error| EmbedderError::Unavailable(format!("unreadable answer: {error}")))?;
    if response.data.len() != texts {
        return Err(invalid(format!("{} vectors for {texts} texts", response.data.len())));
    }
    let mut embeddings = vec![None; texts];
    for Row { index, mut embedding } in response.data {
        if embedding.len() != usize::from(dimensions) {
            return Err(invalid(format!("{} dimensions instead of {dimensions}", embedding.len())));
        }
        let length = embedding.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        if !length.is_normal() {
            return Err(invalid("a vector without direction".to_owned()));
        }
        embedding.iter_mut().for_each(|x| *x /= length);
        match embeddings.get_mut(index) {
            Some(slot @ None) => *slot = Some(Embedding(embedding)),
            _ => return Err(invalid(format!("index {index} twice or out of range"))),
        }
    }
    // As many as texts, none twice: all are there.
    Ok(embeddings.into_iter().flatten().collect())
}

/// What a status other than success means. Of the body only the error's code and type are passed on, because its
/// message may quote the key or the text.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> EmbedderError {
    if is_throttling(status, headers) {
        return EmbedderError::Throttled { retry_after_ms: retry_after_ms(headers) };
    }
    let detail = serde_json::from_slice::<Failure>(body).ok().map(|failure| failure.error);
    let code = detail.as_ref().and_then(|detail| match detail.code.as_ref()? {
        serde_json::Value::String(code) => Some(code.as_str()),
        _ => None,
    });
    let kind = detail.as_ref().and_then(|detail| detail.kind.as_deref());
    let text = match code.or(kind) {
        Some(code) => format!("status {}, {code}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        EmbedderError::Unavailable(text)
    } else {
        EmbedderError::Invalid(text)
    }
}

/// Whether the service asks to come back, rather than being away. 503 alone is also what a proxy says whose server is
/// gone, and throttling spends no attempt: such a document would never end. One that says when to come back is there.
fn is_throttling(status: StatusCode, headers: &HeaderMap) -> bool {
    let says_when = || headers.contains_key(RETRY_AFTER_MS) || headers.contains_key(header::RETRY_AFTER);
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE && says_when()
}

/// The wait that a service asks for: `retry-after-ms`, or `Retry-After` in seconds. A date is not understood; the
/// caller then waits as long as it thinks right.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let ms = number(RETRY_AFTER_MS)
        .or_else(|| number(header::RETRY_AFTER.as_str()).map(|seconds| seconds * 1e3))?;
    (ms.is_finite() && ms >= 0.0).then_some(ms.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_index_and_normalises() {
        let body = br#"{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}]}"#;
        let expected = vec![Embedding(vec![0.6, 0.8]), Embedding(vec![0.0, 1.0])];
        assert_eq!(read(body, 2, 2), Ok(expected));
    }

    #[test]
    fn refuses_answers_that_do_not_fit() {
        for body in [
            r#"{"data":[{"index":0,"embedding":[1,0]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1,0]},{"index":0,"embedding":[1,0]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1,0]},{"index":2,"embedding":[1,0]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[1,0,0]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[0,0]}]}"#,
        ] {
            assert!(matches!(read(body.as_bytes(), 2, 2), Err(EmbedderError::Invalid(_))), "{body}");
        }
        assert!(matches!(read(b"{\"data\":[", 2, 2), Err(EmbedderError::Unavailable(_))));
    }

    #[test]
    fn statuses_have_their_meaning() {
        let mut headers = HeaderMap::new();
        let of = |status, headers: &HeaderMap| failure(status, headers, b"");
        assert_eq!(
            of(StatusCode::TOO_MANY_REQUESTS, &headers),
            EmbedderError::Throttled { retry_after_ms: None }
        );
        let nobody_behind = of(StatusCode::SERVICE_UNAVAILABLE, &headers);
        assert_eq!(nobody_behind, EmbedderError::Unavailable("status 503".to_owned()));
        headers.insert("retry-after", http::HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(
            of(StatusCode::SERVICE_UNAVAILABLE, &headers),
            EmbedderError::Throttled { retry_after_ms: None }
        );
        headers.insert("retry-after", http::HeaderValue::from_static("1.5"));
        assert_eq!(
            of(StatusCode::SERVICE_UNAVAILABLE, &headers),
            EmbedderError::Throttled { retry_after_ms: Some(1500) }
        );
        assert!(matches!(of(StatusCode::BAD_GATEWAY, &headers), EmbedderError::Unavailable(_)));
        assert!(matches!(of(StatusCode::UNAUTHORIZED, &headers), EmbedderError::Invalid(_)));
        let body = br#"{"error":{"message":"your key sk-1 is wrong","code":"invalid_api_key"}}"#;
        let error = failure(StatusCode::UNAUTHORIZED, &headers, body);
        assert_eq!(error, EmbedderError::Invalid("status 401, invalid_api_key".to_owned()));
    }
}
