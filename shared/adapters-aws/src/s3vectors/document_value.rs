//! Between JSON values and the SDK's documents, which is what metadata and filters are to it.

use std::collections::HashMap;

use aws_smithy_types::{Document, Number};
use serde_json::Value;

/// The document of a JSON value.
pub(crate) fn to_document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            // Without arbitrary precision every other number is a float.
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(values) => Document::Array(values.iter().map(to_document).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), to_document(value)));
            Document::Object(fields.collect::<HashMap<_, _>>())
        }
    }
}

/// The JSON value of a document.
pub(crate) fn to_value(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => (*value).into(),
        Document::Number(Number::PosInt(number)) => (*number).into(),
        Document::Number(Number::NegInt(number)) => (*number).into(),
        Document::Number(Number::Float(number)) => (*number).into(),
        Document::String(text) => text.clone().into(),
        Document::Array(values) => values.iter().map(to_value).collect(),
        Document::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), to_value(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        let value = json!({
            "a": [1, -2, 2.5, 18_446_744_073_709_551_615_u64],
            "b": { "c": null, "d": true, "e": "ü\n" },
        });
        assert_eq!(to_value(&to_document(&value)), value);
    }
}
