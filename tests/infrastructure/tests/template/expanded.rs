//! The expanded template as JSON, with what tests ask of it. Intrinsic functions are resolved as far as tests need: mappings,
//! and parameters by their defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The template, expanded once for all tests.
pub(crate) fn template() -> &'static Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let python = root().join("target/tools/emulator/bin/python");
        assert!(python.exists(), "the translator is not installed: run scripts/test-tools.sh once");
        let output = Command::new(python).arg(root().join("infra/transform.py")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

/// The resources of a type, by name.
pub(crate) fn resources(kind: &str) -> BTreeMap<&'static str, &'static Value> {
    let all = template()["Resources"].as_object().unwrap().iter();
    let found: BTreeMap<_, _> = all
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
        .collect();
    assert!(!found.is_empty(), "the template has no {kind}");
    found
}

/// The properties of one resource.
pub(crate) fn properties(name: &str) -> &'static Value {
    let properties = &template()["Resources"][name]["Properties"];
    assert!(properties.is_object(), "the template has no resource {name}");
    properties
}

/// The number that a value comes to.
pub(crate) fn number(value: &Value) -> u64 {
    let resolved = if let Some(path) = value["Fn::FindInMap"].as_array() {
        path.iter().fold(&template()["Mappings"], |map, key| &map[key.as_str().unwrap()])
    } else if let Some(parameter) = value["Ref"].as_str() {
        &template()["Parameters"][parameter]["Default"]
    } else {
        value
    };
    let digits = || resolved.as_str().and_then(|text| text.parse().ok());
    resolved.as_u64().or_else(digits).unwrap_or_else(|| panic!("{value} is no number"))
}

/// The resource that a value refers to: by `Ref`, by an attribute, or inside a text.
pub(crate) fn referred(value: &Value) -> Option<&str> {
    let attribute = value["Fn::GetAtt"][0].as_str();
    let inside = || {
        let text = value["Fn::Sub"].as_str()?;
        text.split("${").skip(1).find(|part| !part.starts_with("AWS::"))?.split(['.', '}']).next()
    };
    value["Ref"].as_str().or(attribute).or_else(inside)
}

/// A value as the list that it is or stands for.
pub(crate) fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// `chunk-worker` as resources are named: `ChunkWorker`.
pub(crate) fn pascal(name: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split('-').map(capital).collect()
}
