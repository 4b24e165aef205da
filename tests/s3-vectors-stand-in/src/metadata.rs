//! The limits on metadata. Sizes are counted in bytes of compact JSON; the service does not publish how it counts, so who
//! goes to the limit here should leave room there.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::failure::Failure;

const KEYS_MAX: usize = 50;
const BYTES_MAX: usize = 40 * 1024;
const FILTERABLE_BYTES_MAX: usize = 2 * 1024;

/// Checks the metadata of one vector.
pub(crate) fn check(
    key: &str,
    metadata: &Map<String, Value>,
    not_filterable: &BTreeSet<String>,
) -> Result<(), Failure> {
    let refuse = |what: &str| Err(Failure::validation(format!("Invalid record for key '{key}': {what}")));
    if metadata.len() > KEYS_MAX {
        return refuse("Metadata must have at most 50 keys");
    }
    let (mut all, mut filterable) = (2, 2);
    for (name, value) in metadata {
        let bytes = name.len() + value.to_string().len() + 4;
        all += bytes;
        if !not_filterable.contains(name) {
            filterable += bytes;
            if !is_filterable(value) {
                return refuse("Filterable metadata must be strings, numbers, booleans or lists of them");
            }
        }
    }
    if all > BYTES_MAX {
        return refuse("Metadata must have at most 40960 bytes");
    }
    if filterable > FILTERABLE_BYTES_MAX {
        return refuse("Filterable metadata must have at most 2048 bytes");
    }
    Ok(())
}

fn is_filterable(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_primitive),
        value => is_primitive(value),
    }
}

/// What filters compare.
pub(crate) fn is_primitive(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(metadata: &Value) -> bool {
        let not_filterable = BTreeSet::from(["text".to_owned()]);
        check("k", metadata.as_object().unwrap(), &not_filterable).is_ok()
    }

    #[test]
    fn both_sizes_are_limited() {
        assert!(passes(&json!({ "year": 2024, "tags": ["a", 1], "text": "x".repeat(40_000) })));
        assert!(!passes(&json!({ "text": "x".repeat(41_000) })));
        assert!(passes(&json!({ "title": "x".repeat(2_000) })));
        assert!(!passes(&json!({ "title": "x".repeat(2_048) })));
    }

    #[test]
    fn kinds_and_numbers_of_keys_are_limited() {
        assert!(!passes(&json!({ "nested": { "a": 1 } })) && !passes(&json!({ "none": null })));
        assert!(!passes(&json!({ "lists": [[1]] })));
        let many = |n: usize| Value::Object((0..n).map(|n| (n.to_string(), json!(n))).collect());
        assert!(passes(&many(50)) && !passes(&many(51)));
    }
}
