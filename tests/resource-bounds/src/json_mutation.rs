//! Damages JSON by its values, so that it stays JSON and the damage reaches what reads it. JSON inside strings, as queues
//! and streams carry it, is damaged the same way.

use serde_json::{Map, Value, json};

use crate::random::Random;

const STEPS_MAX: usize = 3;

/// A damaged copy; none if the seed is no JSON.
#[must_use]
pub fn mutate_json(seed: &[u8], other: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(seed).ok()?;
    let donor: Value = serde_json::from_slice(other).unwrap_or(Value::Null);
    for _ in 0..=random.below(STEPS_MAX) {
        step(&mut value, &donor, random);
    }
    serde_json::to_vec(&value).ok()
}

/// Goes down to some value, and damages that.
fn step(value: &mut Value, donor: &Value, random: &mut Random) {
    match value {
        Value::Object(members) if !members.is_empty() && random.below(6) > 0 => {
            let key = random.pick(&members.keys().cloned().collect::<Vec<_>>()).clone();
            match random.below(12) {
                0 => drop(members.remove(&key)),
                1 => rename(members, &key, random),
                _ => step(&mut members[&key], donor, random),
            }
        }
        Value::Array(items) if !items.is_empty() && random.below(6) > 0 => {
            let at = random.below(items.len());
            match random.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => step(&mut items[at], donor, random),
            }
        }
        Value::String(text) if text.starts_with(['{', '[']) && random.below(6) > 0 => {
            if let Some(inner) = mutate_json(text.as_bytes(), donor.to_string().as_bytes(), random) {
                *text = String::from_utf8_lossy(&inner).into_owned();
            }
        }
        leaf => *leaf = other_value(leaf, donor, random),
    }
}

fn rename(members: &mut Map<String, Value>, key: &str, random: &mut Random) {
    let keys: Vec<String> = members.keys().cloned().collect();
    if let Some(value) = members.remove(key) {
        members.insert(random.pick(&keys).clone(), value);
    }
}

fn other_value(value: &Value, donor: &Value, random: &mut Random) -> Value {
    match (value, random.below(4)) {
        (Value::String(text), 0) => json!(format!("{text}{}", "x".repeat(random.below(70_000)))),
        (Value::String(text), 1) => {
            json!(text.chars().rev().skip(random.below(text.len())).collect::<String>())
        }
        (Value::Number(number), 0) => json!(number.as_f64().unwrap_or(0.0) + 0.5),
        (_, 2) => somewhere_in(donor, random),
        _ => {
            let edges = [
                json!(null),
                json!(true),
                json!(0),
                json!(-1),
                json!(1),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(1e300),
                json!(""),
                json!(" "),
                json!("\0"),
                json!("\u{202e}"),
                json!("%ff%2"),
                json!("👍".repeat(100)),
                json!([]),
                json!({}),
                json!([[[[]]]]),
                json!("00000000-0000-0000-0000-000000000000"),
                json!("9999-12-31T23:59:60Z"),
                json!("-262144-01-01T00:00:00Z"),
                json!(u32::MAX),
                json!(u64::from(u32::MAX) + 1),
                json!(65_536),
            ];
            random.pick(&edges).clone()
        }
    }
}

fn somewhere_in(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::Object(members) if !members.is_empty() && random.below(4) > 0 => {
            let values: Vec<&Value> = members.values().collect();
            let chosen = *random.pick(&values);
            somewhere_in(chosen, random)
        }
        Value::Array(items) if !items.is_empty() && random.below(4) > 0 => {
            somewhere_in(random.pick(items), random)
        }
        found => found.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_json_and_mostly_something_else() {
        let seed = br#"{"a":[1,"two",{"b":"{\"c\":3}"}],"d":null}"#;
        let made = |index| mutate_json(seed, b"[7]", &mut Random::new(1, index)).unwrap();
        let all: Vec<Value> = (0..200).map(|index| serde_json::from_slice(&made(index)).unwrap()).collect();
        let same = serde_json::from_slice::<Value>(seed).unwrap();
        assert!(all.iter().filter(|value| **value == same).count() < 20);
        // The JSON inside the string is reached as well.
        assert!(all.iter().any(|value| {
            value["a"][2]["b"].as_str().is_some_and(|b| b != "{\"c\":3}" && b.starts_with('{'))
        }));
    }

    #[test]
    fn what_is_no_json_is_left_to_others() {
        assert_eq!(mutate_json(b"{", b"", &mut Random::new(1, 1)), None);
    }
}
