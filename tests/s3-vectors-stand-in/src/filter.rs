//! Metadata filters: comparisons, membership, existence, and their conjunctions, as published.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::metadata::is_primitive;

/// Checks that a filter is one, before anything is compared with it.
pub(crate) fn check(filter: &Value, not_filterable: &BTreeSet<String>) -> Result<(), Failure> {
    let invalid = |what: &str| Failure::validation(format!("Invalid filter: {what}"));
    let object =
        filter.as_object().filter(|object| !object.is_empty()).ok_or_else(|| invalid("no object"))?;
    for (key, value) in object {
        if matches!(key.as_str(), "$and" | "$or") {
            let parts =
                value.as_array().filter(|parts| !parts.is_empty()).ok_or_else(|| invalid("no list"))?;
            parts.iter().try_for_each(|part| check(part, not_filterable))?;
            continue;
        }
        if key.starts_with('$') {
            return Err(invalid("unknown operator"));
        }
        if not_filterable.contains(key) {
            return Err(invalid("the key is not filterable"));
        }
        match value {
            Value::Object(operators) if !operators.is_empty() => {
                let known = |(operator, operand): (&String, &Value)| is_operation(operator, operand);
                if !operators.iter().all(known) {
                    return Err(invalid("unknown operator or operand"));
                }
            }
            value if is_primitive(value) => {}
            _ => return Err(invalid("neither a value nor operators")),
        }
    }
    Ok(())
}

fn is_operation(operator: &str, operand: &Value) -> bool {
    let list = || operand.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(is_primitive));
    match operator {
        "$eq" | "$ne" => is_primitive(operand),
        "$gt" | "$gte" | "$lt" | "$lte" => operand.is_number(),
        "$in" | "$nin" => list(),
        "$exists" => operand.is_boolean(),
        _ => false,
    }
}

/// Whether a vector's metadata passes a filter that was checked.
pub(crate) fn passes(filter: &Value, metadata: &Map<String, Value>) -> bool {
    let parts = |value: &Value| value.as_array().cloned().unwrap_or_default();
    filter.as_object().into_iter().flatten().all(|(key, value)| match key.as_str() {
        "$and" => parts(value).iter().all(|part| passes(part, metadata)),
        "$or" => parts(value).iter().any(|part| passes(part, metadata)),
        _ => {
            let held = metadata.get(key);
            match value {
                Value::Object(operators) => {
                    operators.iter().all(|(name, operand)| holds(name, operand, held))
                }
                value => holds("$eq", value, held),
            }
        }
    })
}

fn holds(operator: &str, operand: &Value, held: Option<&Value>) -> bool {
    let any = |test: &dyn Fn(&Value) -> bool| match held {
        Some(Value::Array(values)) => values.iter().any(test),
        Some(value) => test(value),
        None => false,
    };
    let ordered = |test: fn(&f64, &f64) -> bool| {
        any(&|value| matches!((value.as_f64(), operand.as_f64()), (Some(a), Some(b)) if test(&a, &b)))
    };
    let listed =
        || any(&|value| operand.as_array().is_some_and(|all| all.iter().any(|one| same(one, value))));
    match operator {
        "$eq" => any(&|value| same(value, operand)),
        "$ne" => !any(&|value| same(value, operand)),
        "$gt" => ordered(f64::gt),
        "$gte" => ordered(f64::ge),
        "$lt" => ordered(f64::lt),
        "$lte" => ordered(f64::le),
        "$in" => listed(),
        "$nin" => !listed(),
        _ => operand.as_bool() == Some(held.is_some()),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operators_have_their_published_meaning() {
        let metadata = json!({ "genre": ["drama", "comedy"], "year": 2020, "draft": false });
        let metadata = metadata.as_object().unwrap();
        for filter in [
            json!({ "genre": "drama" }),
            json!({ "genre": { "$in": ["drama", "other"] }, "year": { "$gte": 2020, "$lt": 2021 } }),
            json!({ "$or": [{ "year": 1 }, { "draft": false }] }),
            json!({ "$and": [{ "missing": { "$exists": false } }, { "year": { "$nin": [1, 2] } }] }),
            json!({ "year": { "$ne": 2021 } }),
        ] {
            assert!(check(&filter, &BTreeSet::new()).is_ok() && passes(&filter, metadata), "{filter}");
        }
        for filter in [
            json!({ "genre": "horror" }),
            json!({ "year": "2020" }),
            json!({ "missing": 1 }),
            json!({ "genre": { "$nin": ["comedy"] } }),
            json!({ "year": { "$gt": 2020 } }),
        ] {
            assert!(check(&filter, &BTreeSet::new()).is_ok() && !passes(&filter, metadata), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let not_filterable = BTreeSet::from(["text".to_owned()]);
        for filter in [
            json!({}),
            json!([]),
            json!({ "$and": [] }),
            json!({ "$not": {} }),
            json!({ "text": "a" }),
            json!({ "a": null }),
            json!({ "a": ["b"] }),
            json!({ "a": { "$in": [] } }),
            json!({ "a": { "$gt": "1" } }),
        ] {
            assert!(check(&filter, &not_filterable).is_err(), "{filter}");
        }
    }
}
