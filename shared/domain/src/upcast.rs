//! Reads event data of every schema version ever written. A new version adds an arm to `upcast` that turns the
//! version before it into itself; the golden files under events/stored hold an example of each.

use serde_json::Value;

use crate::DocumentEvent;

/// Why stored event data cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// Written by newer software, or not an event of ours.
    #[error("unknown event {type_name} version {schema_version}: written by a newer release?")]
    Unknown {
        /// The type in the envelope.
        type_name: String,
        /// The version in the envelope.
        schema_version: u32,
    },
    /// The data does not have the shape of its type.
    #[error("data of {type_name} does not fit its schema")]
    Shape {
        /// The type in the envelope.
        type_name: String,
        /// What the decoder said.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads the data of an event of any known type and version.
pub fn read_event(
    type_name: &str,
    schema_version: u32,
    data: Value,
) -> Result<DocumentEvent, UnreadableEvent> {
    let unknown = || UnreadableEvent::Unknown { type_name: type_name.into(), schema_version };
    let current = upcast(type_name, schema_version, data).ok_or_else(unknown)?;
    DocumentEvent::from_current(type_name, current)
        .ok_or_else(unknown)?
        .map_err(|source| UnreadableEvent::Shape { type_name: type_name.into(), source })
}

/// Lifts data to the current version of its type. All types are at version 1 so far.
fn upcast(_type_name: &str, schema_version: u32, data: Value) -> Option<Value> {
    (schema_version == 1).then_some(data)
}
