//! A check of JSON against the schemas of the OpenAPI and AsyncAPI documents: the part of JSON Schema that they use. It also
//! refuses members that no schema names, so that the documents leave nothing out.

use serde_json::Value;

/// Holds a value to the named schema of the OpenAPI document.
#[track_caller]
pub(crate) fn assert_valid(schema: &str, value: &Value) {
    let document: Value = serde_json::from_str(millrace_api::openapi_json()).unwrap();
    let reference = serde_json::json!({ "$ref": format!("#/components/schemas/{schema}") });
    assert_fits(&document, &reference, value);
}

/// Holds a value to a schema whose references lead into a document.
#[track_caller]
pub(crate) fn assert_fits(document: &Value, schema: &Value, value: &Value) {
    let mut faults = Vec::new();
    check(document, schema, value, "the value", &mut faults);
    assert!(faults.is_empty(), "{faults:#?} in {value:#}");
}

/// Every reference in a document.
pub(crate) fn references(document: &Value) -> Vec<String> {
    match document {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        check(document, target, value, at, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = |choice: &&Value| {
            let mut faults = Vec::new();
            check(document, choice, value, at, &mut faults);
            faults.is_empty()
        };
        if choices.iter().find(fits).is_none() {
            faults.push(format!("{at} fits no choice"));
        }
    }
    if !has_type(&schema["type"], value) {
        faults.push(format!("{at} is not of type {}", schema["type"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        faults.push(format!("{at} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        faults.push(format!("{at} is none of {}", schema["enum"]));
    }
    if let Some(items) = value.as_array().filter(|_| !schema["items"].is_null()) {
        for (index, item) in items.iter().enumerate() {
            check(document, &schema["items"], item, &format!("{at}[{index}]"), faults);
        }
    }
    let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(required.as_str().unwrap()) {
            faults.push(format!("{at} lacks {required}"));
        }
    }
    for (name, member) in members {
        match properties.get(name) {
            Some(property) => check(document, property, member, &format!("{at}.{name}"), faults),
            None => faults.push(format!("{at}.{name} is not described")),
        }
    }
}

fn has_type(expected: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    match expected {
        Value::Null => true,
        Value::String(name) => is(name),
        names => names.as_array().unwrap().iter().any(|name| is(name.as_str().unwrap())),
    }
}
