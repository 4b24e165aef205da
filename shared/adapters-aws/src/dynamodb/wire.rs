//! Items, answers and errors as they stand on the wire, for tests that pin requests and replay answers.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::item::Item;
use crate::connection::replay::{Replay, Reply, SentRequest};

/// An item as JSON.
pub(crate) fn wire_item(item: &Item) -> Value {
    item.iter().map(|(name, attribute)| (name.clone(), wire_value(attribute))).collect()
}

fn wire_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(wire_value).collect::<Vec<_>>() }),
        other => panic!("no record has {other:?}"),
    }
}

/// An item from JSON, of the types that the journal has.
pub(crate) fn item_of_wire(wire: &Value) -> Item {
    let attributes = wire.as_object().unwrap().iter();
    attributes.map(|(name, value)| (name.clone(), value_of_wire(value))).collect()
}

fn value_of_wire(wire: &Value) -> AttributeValue {
    let (kind, value) = wire.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => AttributeValue::S(text.clone()),
        ("N", Value::String(digits)) => AttributeValue::N(digits.clone()),
        ("BOOL", Value::Bool(flag)) => AttributeValue::Bool(*flag),
        ("L", Value::Array(values)) => AttributeValue::L(values.iter().map(value_of_wire).collect()),
        _ => panic!("no record has {wire}"),
    }
}

/// A successful answer.
pub(crate) fn answer(body: &Value) -> Reply {
    Reply::ok(body.to_string())
}

/// A failure by its code.
pub(crate) fn failure(status: u16, code: &str) -> Reply {
    failure_with(status, code, json!({}))
}

/// A failure by its code, with more to say.
pub(crate) fn failure_with(status: u16, code: &str, mut body: Value) -> Reply {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    body["message"] = "replayed".into();
    Reply::of(status, body.to_string())
}

/// A failed condition, with the item that failed it.
pub(crate) fn condition_failed(item: Option<&Item>) -> Reply {
    let item = item.map(wire_item).unwrap_or(json!(null));
    failure_with(400, "ConditionalCheckFailedException", json!({ "Item": item }))
}

/// A cancelled transaction, with a reason for each item.
pub(crate) fn cancelled(codes: &[&str]) -> Reply {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    failure_with(400, "TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// The only request that was sent: which operation, and its body.
pub(crate) fn only_request(replay: &Replay) -> (String, Value) {
    let sent = requests(replay);
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.into_iter().next().unwrap()
}

/// All requests that were sent: which operation, and its body.
pub(crate) fn requests(replay: &Replay) -> Vec<(String, Value)> {
    let request = |sent: &SentRequest| {
        let target = sent.header("x-amz-target").unwrap();
        (target.trim_start_matches("DynamoDB_20120810.").to_owned(), sent.json())
    };
    replay.sent().iter().map(request).collect()
}
