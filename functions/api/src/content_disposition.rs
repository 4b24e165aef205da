//! The `Content-Disposition` header in both directions (RFC 6266, RFC 7578): reads the file name that a client gives, in
//! its plain and in its extended form, and writes one that every browser reads. Only parameters are of interest.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::filename::percent_decoded;

/// What `attr-char` of RFC 8187 leaves as it is.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The file name in the header, the extended form (`filename*`) before the plain one.
pub(crate) fn filename(header: &HeaderValue) -> Option<String> {
    let text = String::from_utf8_lossy(header.as_bytes());
    let mut plain = None;
    for (name, value) in parameters(&text) {
        if name.eq_ignore_ascii_case("filename*") {
            if let Some(decoded) = extended(&value) {
                return Some(decoded);
            }
        } else if name.eq_ignore_ascii_case("filename") && plain.is_none() {
            plain = Some(value);
        }
    }
    plain
}

/// The header for a content of this name.
pub(crate) fn with_filename(disposition: &str, filename: &str) -> HeaderValue {
    let fallback: String = filename
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(filename, EXTENDED);
    let text = if fallback == filename {
        format!("{disposition}; filename=\"{fallback}\"")
    } else {
        format!("{disposition}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
    };
    HeaderValue::try_from(text).expect("the fallback is replaced, and the name encoded, to ASCII")
}

/// `charset'language'percent-encoded`; UTF-8 only, which is all that RFC 8187 asks to be read.
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    if charset.eq_ignore_ascii_case("utf-8") { percent_decoded(encoded.as_bytes()) } else { None }
}

/// Name and value of each parameter behind the disposition's type. Quoted values are unquoted.
fn parameters(header: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let Some((_, mut rest)) = header.split_once(';') else { return found };
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim().trim_start_matches(';').trim();
        let after = after.trim_start();
        let (value, remainder) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, remainder) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), remainder)
            }
        };
        found.push((name, value));
        rest = remainder;
    }
    found
}

/// The text up to the closing quote, and what follows it. A backslash escapes a quote or a backslash; before anything else
/// it is a backslash, as in the paths that old browsers send.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Option<String> {
        filename(&HeaderValue::from_bytes(header.as_bytes()).unwrap())
    }

    #[test]
    fn file_names_are_read_in_all_their_forms() {
        for (header, expected) in [
            ("attachment; filename=report.pdf", Some("report.pdf")),
            ("attachment; filename=\"my report.pdf\"; size=3", Some("my report.pdf")),
            ("form-data; name=\"file\"; filename=\"a;b=c.txt\"", Some("a;b=c.txt")),
            ("form-data; name=\"file\"; filename=\"a\\\"b.txt\"", Some("a\"b.txt")),
            ("form-data; name=\"file\"; filename=\"C:\\dir\\x.txt\"", Some("C:\\dir\\x.txt")),
            ("attachment; filename=\"x\"; filename*=UTF-8''Zo%C3%AB.txt", Some("Zoë.txt")),
            ("attachment; filename*=utf-8'de'%e2%82%ac.txt; filename=x", Some("€.txt")),
            ("attachment; filename*=iso-8859-1''%A3; filename=\"x\"", Some("x")),
            ("form-data; name=\"file\"; filename=\"Zoë.txt\"", Some("Zoë.txt")),
            ("form-data; name=\"filename\"", None),
            ("attachment; filename=\"open", Some("open")),
            ("attachment", None),
            ("", None),
        ] {
            assert_eq!(read(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn a_written_name_reads_back() {
        for name in ["report.pdf", "my report.pdf", "Zoë 📚.txt", "a\"b\\c.txt", "100%.txt", "x;y=z"] {
            let header = with_filename("attachment", name);
            assert!(header.as_bytes().is_ascii());
            assert_eq!(filename(&header).as_deref(), Some(name), "{header:?}");
        }
    }
}
