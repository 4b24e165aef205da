//! What a request's headers say about the content: its name, media type and metadata, and the idempotency key. What the
//! parts of a form say is read in `multipart.rs`.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use millrace_domain::IdempotencyKey;
use serde_json::{Map, Value};

use crate::content_disposition;
use crate::filename::{UNTITLED, percent_decoded, sanitised};
use crate::media_type::{essence, is_well_formed};
use crate::metadata;
use crate::problem::{Problem, ProblemCode};

const X_FILENAME: HeaderName = HeaderName::from_static("x-filename");
const X_METADATA: HeaderName = HeaderName::from_static("x-metadata");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest declared media type, parameters included.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// What command-line clients declare when nobody told them otherwise. A form is no document.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a request's headers say.
#[derive(Debug)]
pub(crate) struct Headers {
    /// From `X-Filename`.
    pub(crate) filename: Option<String>,
    /// From `X-Metadata`.
    pub(crate) metadata: Option<Map<String, Value>>,
    /// From `Idempotency-Key`.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl Headers {
    /// Reads them.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let filename = match headers.get(X_FILENAME) {
            None => None,
            Some(value) => Some(percent_decoded(value.as_bytes()).ok_or_else(|| {
                invalid("X-Filename is not percent-encoded UTF-8: encode the bytes of the name as %XX")
            })?),
        };
        let metadata = match headers.get(X_METADATA) {
            None => None,
            Some(value) => Some(metadata::parse("X-Metadata", value.as_bytes())?),
        };
        Ok(Self { filename, metadata, idempotency_key: idempotency_key_of(headers)? })
    }
}

/// The name to store, out of what was given in order of preference.
pub(crate) fn filename_of(given: Option<&str>, disposition: Option<&HeaderValue>) -> String {
    let disposed = || disposition.and_then(content_disposition::filename);
    let named = match given {
        Some(name) => sanitised(name),
        None => disposed().and_then(|name| sanitised(&name)),
    };
    named.unwrap_or_else(|| UNTITLED.to_owned())
}

/// The media type of a content that is sent as the body itself.
pub(crate) fn raw_media_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let declared = media_type(headers)?;
    Ok(declared.filter(|declared| !essence(declared).eq_ignore_ascii_case(FORM)))
}

/// The `Content-Type` among these headers, of a request or of a part.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().ok().and_then(well_formed);
    text.map(Some).ok_or_else(|| invalid("Content-Type is not a media type of at most 255 bytes"))
}

/// A media type as a member of JSON names it; one that could not stand in a header is refused.
pub(crate) fn media_type_of(text: &str) -> Result<String, Problem> {
    let in_header = |text: &&str| text.bytes().all(|b| (0x20..=0x7e).contains(&b));
    let text = Some(text).filter(in_header).and_then(well_formed);
    let detail = "`media_type` is not a media type of at most 255 bytes";
    text.ok_or_else(|| Problem::new(ProblemCode::InvalidMember, detail))
}

fn well_formed(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= MEDIA_TYPE_BYTES_MAX && is_well_formed(text)).then(|| text.to_owned())
}

/// The `Idempotency-Key` among these headers. Two of them are refused: whichever was taken, a repetition under the other
/// would take effect once more.
pub(crate) fn idempotency_key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    if headers.get_all(IDEMPOTENCY_KEY).iter().nth(1).is_some() {
        return Err(invalid("Idempotency-Key is given more than once"));
    }
    headers.get(IDEMPOTENCY_KEY).map(idempotency_key).transpose()
}

/// The `Content-Disposition` among these headers.
pub(crate) fn disposition(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(CONTENT_DISPOSITION)
}

fn idempotency_key(value: &HeaderValue) -> Result<IdempotencyKey, Problem> {
    let text = value.to_str().map_err(|_| invalid("Idempotency-Key is not visible ASCII"))?;
    IdempotencyKey::new(text).map_err(|error| invalid(error.to_string()))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::InvalidHeader, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn headers_describe_a_content() {
        let read = Headers::of(&headers(&[
            ("x-filename", "Zo%C3%AB.txt"),
            ("x-metadata", r#"{"year":2025}"#),
            ("idempotency-key", "k-1"),
        ]))
        .unwrap();
        assert_eq!(read.filename.as_deref(), Some("Zoë.txt"));
        assert_eq!(read.metadata.unwrap()["year"], 2025);
        assert_eq!(read.idempotency_key.unwrap().as_str(), "k-1");
        for bad in [("x-filename", "%ff"), ("idempotency-key", "two words"), ("idempotency-key", "")] {
            assert_eq!(Headers::of(&headers(&[bad])).unwrap_err().code(), ProblemCode::InvalidHeader);
        }
        let mut twice = headers(&[("idempotency-key", "k-1")]);
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("k-2"));
        assert_eq!(Headers::of(&twice).unwrap_err().code(), ProblemCode::InvalidHeader);
    }

    #[test]
    fn the_explicit_name_wins_and_a_name_is_always_found() {
        let disposition = HeaderValue::from_static("attachment; filename=\"b.txt\"");
        assert_eq!(filename_of(Some("dir/a.txt"), Some(&disposition)), "a.txt");
        assert_eq!(filename_of(None, Some(&disposition)), "b.txt");
        assert_eq!(filename_of(Some(".."), Some(&disposition)), UNTITLED);
        assert_eq!(filename_of(None, None), UNTITLED);
    }

    #[test]
    fn a_media_type_is_kept_with_its_parameters_unless_it_says_nothing() {
        let read = |value| raw_media_type(&headers(&[("content-type", value)]));
        assert_eq!(read("text/plain; charset=koi8-r").unwrap().unwrap(), "text/plain; charset=koi8-r");
        assert_eq!(read("application/x-www-form-urlencoded").unwrap(), None);
        assert_eq!(raw_media_type(&HeaderMap::new()).unwrap(), None);
        for bad in ["", "text", "text/", "a b/c"] {
            assert_eq!(read(bad).unwrap_err().code(), ProblemCode::InvalidHeader, "{bad}");
        }
    }
}
