//! A single byte range of a content (RFC 9110, section 14). Several ranges, other units and malformed ranges are ignored,
//! which the RFC allows: the client then gets the whole.

use std::ops::Range;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Portion {
    /// All of it.
    Whole,
    /// These bytes; not empty.
    Part(Range<u64>),
    /// The range begins beyond the end.
    Unsatisfiable,
}

/// What the request asks for of a content of this size and tag.
pub(crate) fn requested(headers: &HeaderMap, size: u64, etag: &HeaderValue) -> Portion {
    // A tag other than the current one, or a date: the client's part is of another content.
    if headers.get(IF_RANGE).is_some_and(|condition| condition != etag) {
        return Portion::Whole;
    }
    let text = headers.get(RANGE).and_then(|range| range.to_str().ok());
    text.and_then(|text| parse(text, size)).unwrap_or(Portion::Whole)
}

fn parse(text: &str, size: u64) -> Option<Portion> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let part = match (first, last) {
        ("", suffix) => size.saturating_sub(number(suffix)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last): (u64, u64) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if part.start < part.end { Portion::Part(part) } else { Portion::Unsatisfiable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_at_the_end() {
        for (text, expected) in [
            ("bytes=0-4", Some(Portion::Part(0..5))),
            ("bytes=5-", Some(Portion::Part(5..10))),
            ("bytes=-3", Some(Portion::Part(7..10))),
            ("bytes=-30", Some(Portion::Part(0..10))),
            ("Bytes=8-99", Some(Portion::Part(8..10))),
            ("bytes=0-18446744073709551615", Some(Portion::Part(0..10))),
            ("bytes=10-", Some(Portion::Unsatisfiable)),
            ("bytes=-0", Some(Portion::Unsatisfiable)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("lines=0-4", None),
            ("nonsense", None),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn a_part_of_another_content_is_not_continued() {
        let etag = HeaderValue::from_static("\"abc\"");
        let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=5-"))]);
        assert_eq!(requested(&headers, 10, &etag), Portion::Part(5..10));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"old\""));
        assert_eq!(requested(&headers, 10, &etag), Portion::Whole);
        headers.insert(IF_RANGE, etag.clone());
        assert_eq!(requested(&headers, 10, &etag), Portion::Part(5..10));
    }
}
