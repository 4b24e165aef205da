//! Media types as they stand in `Content-Type` (RFC 9110, section 8.3.1). Which of them Millrace reads is found out by
//! content, elsewhere.

/// The media type without parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether it is a type and a subtype, with or without parameters.
pub(crate) fn is_well_formed(media_type: &str) -> bool {
    essence(media_type).split_once('/').is_some_and(|(kind, name)| is_token(kind) && is_token(name))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
