//! The client's key-value pairs: a JSON object with bounds that the search index and a message can carry. What they mean
//! is the client's business.

use serde_json::{Map, Value};

use crate::problem::{Problem, ProblemCode};

/// Longest JSON text of the object.
pub(crate) const METADATA_BYTES_MAX: usize = 4_096;
/// Most pairs.
const METADATA_KEYS_MAX: usize = 32;
/// Longest key in bytes.
const METADATA_KEY_BYTES_MAX: usize = 128;

/// Reads the JSON text of an object of metadata; `place` says where it stood.
pub(crate) fn parse(place: &str, json: &[u8]) -> Result<Map<String, Value>, Problem> {
    if json.len() > METADATA_BYTES_MAX {
        let detail = format!("{place} is longer than {METADATA_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemCode::InvalidMember, detail));
    }
    let value: Value = serde_json::from_slice(json)
        .map_err(|error| Problem::new(ProblemCode::MalformedJson, format!("{place} is not JSON: {error}")))?;
    let Value::Object(metadata) = value else {
        let detail = format!("{place} is not a JSON object of keys and values");
        return Err(Problem::new(ProblemCode::InvalidMember, detail));
    };
    check(place, &metadata)?;
    Ok(metadata)
}

/// Holds an object of metadata that came inside other JSON to all bounds.
pub(crate) fn check_whole(place: &str, metadata: &Map<String, Value>) -> Result<(), Problem> {
    let json = serde_json::to_string(metadata).expect("a JSON object has string keys");
    if json.len() > METADATA_BYTES_MAX {
        let detail = format!("{place} is longer than {METADATA_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemCode::InvalidMember, detail));
    }
    check(place, metadata)
}

/// Holds an object of metadata to its bounds.
pub(crate) fn check(place: &str, metadata: &Map<String, Value>) -> Result<(), Problem> {
    let invalid = |detail: String| Err(Problem::new(ProblemCode::InvalidMember, detail));
    if metadata.len() > METADATA_KEYS_MAX {
        return invalid(format!("{place} has more than {METADATA_KEYS_MAX} keys"));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return invalid(format!(
                "a key of {place} is empty, longer than {METADATA_KEY_BYTES_MAX} bytes or holds a control character"
            ));
        }
        let fits = is_plain(value) || value.as_array().is_some_and(|items| items.iter().all(is_plain));
        if !fits {
            return invalid(format!(
                "{place} has a value at {key:?} that filters cannot compare: give a string, a number, a boolean, or a \
                 list of these"
            ));
        }
    }
    Ok(())
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_a_flat_object_within_bounds() {
        assert_eq!(parse("x", br#"{"a":"1","b":2,"c":[true,"x"]}"#).unwrap().len(), 3);
        assert!(parse("x", b"{}").unwrap().is_empty());
        for (bad, code) in [
            ("", ProblemCode::MalformedJson),
            ("{\"a\":", ProblemCode::MalformedJson),
            ("[1]", ProblemCode::InvalidMember),
            ("null", ProblemCode::InvalidMember),
            (r#"{"a":{"b":1}}"#, ProblemCode::InvalidMember),
            (r#"{"a":null}"#, ProblemCode::InvalidMember),
            (r#"{"":1}"#, ProblemCode::InvalidMember),
        ] {
            assert_eq!(parse("x", bad.as_bytes()).unwrap_err().code(), code, "{bad}");
        }
        let many: Map<String, Value> = (0..=METADATA_KEYS_MAX).map(|n| (n.to_string(), n.into())).collect();
        assert!(check("x", &many).is_err());
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(METADATA_BYTES_MAX));
        assert!(parse("x", long.as_bytes()).unwrap_err().detail().contains("4096 bytes"));
    }
}
