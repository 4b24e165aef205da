//! JSON Schemas that each stand on their own, brought together under `#/components/schemas`.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// The schemas of a document, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Takes a schema in, with what it defines, and gives a reference to it.
    ///
    /// # Panics
    ///
    /// If it has no title to go by, or shares a name with another schema. Both show in the first test that asks for the
    /// document.
    pub(super) fn add(&mut self, schema: Schema) -> Value {
        let mut schema = Value::from(schema);
        let members = schema.as_object_mut().expect("the schema of a type with members is an object");
        members.remove("$schema");
        let definitions = members.remove("$defs");
        let Some(Value::String(name)) = members.remove("title") else { panic!("schema without a title") };
        if let Some(Value::Object(definitions)) = definitions {
            for (name, definition) in definitions {
                self.insert(name, definition);
            }
        }
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.insert(name, schema);
        reference
    }

    /// All of them.
    pub(super) fn into_components(self) -> Map<String, Value> {
        self.0
    }

    fn insert(&mut self, name: String, mut schema: Value) {
        relocate(&mut schema);
        let kept = self.0.entry(&name).or_insert_with(|| schema.clone());
        assert!(*kept == schema, "two schemas are called {name}");
    }
}

/// Makes references to definitions lead to where these now are.
fn relocate(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", "#/components/schemas/");
            }
            members.values_mut().for_each(relocate);
        }
        Value::Array(items) => items.iter_mut().for_each(relocate),
        _ => {}
    }
}
