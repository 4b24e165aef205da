//! Entity tags and the conditions on them (RFC 9110, section 13). A document's tag is its version, `"v7"`; a content's is
//! its SHA-256. Dates are not used: a version says more than a second does.

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use millrace_domain::Version;

use crate::problem::{Problem, ProblemCode};

/// The tag of a document's version.
pub(crate) fn version_etag(version: Version) -> HeaderValue {
    HeaderValue::try_from(format!("\"v{version}\"")).expect("quotes, a letter and digits are ASCII")
}

/// What `If-Match` insists on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Nothing, or that the document exists.
    Anything,
    /// One of these versions. Tags that are no version of ours match nothing and are left out.
    OneOf(Vec<Version>),
}

impl IfMatch {
    /// Reads the header.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(tags) = tags(headers, &IF_MATCH)? else { return Ok(Self::Anything) };
        if tags.iter().any(|tag| tag.is_star) {
            return Ok(Self::Anything);
        }
        // Strong comparison: a weak tag never matches.
        let versions = tags.iter().filter(|tag| !tag.is_weak).filter_map(|tag| {
            let number = tag.opaque.strip_prefix('v')?;
            number.parse().ok().filter(|_| !number.starts_with('+')).map(Version::new)
        });
        Ok(Self::OneOf(versions.collect()))
    }

    /// The version that a command must find, now that the current one is known.
    pub(crate) fn require(&self, current: Version) -> Result<Option<Version>, Problem> {
        match self {
            Self::Anything => Ok(None),
            Self::OneOf(versions) if versions.contains(&current) => Ok(Some(current)),
            Self::OneOf(_) => Err(Problem::version_differs(current)),
        }
    }

    /// The version that a command must find, where the command itself will compare: for a request that may be the
    /// repetition of one that was carried out, whose answer does not depend on the current version.
    pub(crate) fn expect(&self, current: Version) -> Option<Version> {
        match self {
            Self::Anything => None,
            Self::OneOf(versions) if versions.contains(&current) => Some(current),
            Self::OneOf(versions) => Some(versions.first().copied().unwrap_or(Version::NONE)),
        }
    }
}

/// Whether `If-None-Match` names this tag: then the client has what it would get. Weak comparison.
pub(crate) fn is_unmodified(headers: &HeaderMap, etag: &HeaderValue) -> Result<bool, Problem> {
    let Some(tags) = tags(headers, &IF_NONE_MATCH)? else { return Ok(false) };
    let opaque = etag.to_str().unwrap_or_default().trim_matches('"');
    Ok(tags.iter().any(|tag| tag.is_star || tag.opaque == opaque))
}

#[derive(Debug)]
struct Tag<'a> {
    is_star: bool,
    is_weak: bool,
    opaque: &'a str,
}

/// The tags of all lines of a header; none if there is no such header.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Vec<Tag<'a>>>, Problem> {
    let malformed = || {
        let detail =
            format!("{name} is not a list of entity tags: give tags as the server gave them, like \"v3\"");
        Problem::new(ProblemCode::InvalidHeader, detail)
    };
    let mut tags = Vec::new();
    for line in headers.get_all(name) {
        let mut rest = line.to_str().map_err(|_| malformed())?.trim();
        if rest == "*" {
            tags.push(Tag { is_star: true, is_weak: false, opaque: "" });
            continue;
        }
        while !rest.is_empty() {
            let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
            let inside = quoted.strip_prefix('"').ok_or_else(malformed)?;
            let (opaque, after) = inside.split_once('"').ok_or_else(malformed)?;
            tags.push(Tag { is_star: false, is_weak, opaque });
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return Err(malformed()),
            };
        }
    }
    // A list of nothing is no list: were it taken for no condition, a client that lost its tag would overwrite blindly.
    match (tags.is_empty(), headers.contains_key(name)) {
        (true, true) => Err(malformed()),
        (true, false) => Ok(None),
        (false, _) => Ok(Some(tags)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn if_match(value: &'static str) -> Result<IfMatch, Problem> {
        IfMatch::of(&headers(IF_MATCH, value))
    }

    #[test]
    fn if_match_reads_versions_and_ignores_foreign_and_weak_tags() {
        let versions = |numbers: &[u64]| IfMatch::OneOf(numbers.iter().copied().map(Version::new).collect());
        assert_eq!(if_match("*").unwrap(), IfMatch::Anything);
        assert_eq!(if_match("\"v7\"").unwrap(), versions(&[7]));
        assert_eq!(if_match("\"v7\" , W/\"v8\",\"x\", \"v9\"").unwrap(), versions(&[7, 9]));
        assert_eq!(if_match("\"a,b\"").unwrap(), versions(&[]));
        for bad in ["", " ", "v7", "\"v7", "\"v7\" \"v8\""] {
            assert_eq!(if_match(bad).unwrap_err().code(), ProblemCode::InvalidHeader, "{bad}");
        }
        assert_eq!(IfMatch::of(&HeaderMap::new()).unwrap(), IfMatch::Anything);
    }

    #[test]
    fn a_condition_holds_on_the_current_version_only() {
        let condition = if_match("\"v3\", \"v4\"").unwrap();
        assert_eq!(condition.require(Version::new(4)).unwrap(), Some(Version::new(4)));
        assert_eq!(condition.require(Version::new(5)).unwrap_err().code(), ProblemCode::VersionDiffers);
        assert_eq!(if_match("\"x\"").unwrap().expect(Version::new(1)), Some(Version::NONE));
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let etag = version_etag(Version::new(2));
        let unmodified = |value| is_unmodified(&headers(IF_NONE_MATCH, value), &etag).unwrap();
        assert!(unmodified("\"v2\""));
        assert!(unmodified("\"v1\", W/\"v2\""));
        assert!(unmodified("*"));
        assert!(!unmodified("\"v3\""));
        assert!(!is_unmodified(&HeaderMap::new(), &etag).unwrap());
    }
}
