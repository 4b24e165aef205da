//! The envelope around every event: CloudEvents 1.0 attribute names plus our own, as stored in the journal, sent
//! over the bus and delivered to webhooks. Source: CloudEvents specification 1.0.2, section "Context attributes".

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::{
    CorrelationId, DocumentEvent, DocumentId, DocumentKey, EventId, IdempotencyKey, TenantId, Timestamp,
    Version, upcast,
};

/// CloudEvents `source` of everything Millrace says.
pub const EVENT_SOURCE: &str = "millrace";

/// Where a message came from; handed on from cause to effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// Links everything that one request set in motion.
    pub correlation_id: CorrelationId,
    /// The event or request that directly caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C Trace Context, if the request carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// One event with everything that a subscriber needs to place it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventEnvelope {
    /// The same at every delivery.
    pub id: EventId,
    /// When it was decided.
    pub time: Timestamp,
    /// Which document.
    pub document_id: DocumentId,
    /// Its position in the document's history, from 1 without gaps.
    pub sequence: Version,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it came from.
    pub trace: Trace,
    /// The key of the request that caused it, if it carried one.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What happened.
    pub event: DocumentEvent,
}

impl EventEnvelope {
    /// The document's full name.
    pub fn key(&self) -> DocumentKey {
        DocumentKey { tenant_id: self.tenant_id.clone(), document_id: self.document_id }
    }
}

/// The written shape. Field order is the order in the JSON.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EventEnvelope")]
struct Written {
    specversion: String,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    type_name: String,
    schema_version: u32,
    time: Timestamp,
    subject: DocumentId,
    sequence: Version,
    tenant_id: TenantId,
    #[serde(flatten)]
    trace: Trace,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<IdempotencyKey>,
    data: Value,
}

impl Serialize for EventEnvelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            specversion: "1.0".into(),
            id: self.id,
            source: EVENT_SOURCE.into(),
            type_name: self.event.type_name().into(),
            schema_version: self.event.schema_version(),
            time: self.time,
            subject: self.document_id,
            sequence: self.sequence,
            tenant_id: self.tenant_id.clone(),
            trace: self.trace.clone(),
            idempotency_key: self.idempotency_key.clone(),
            data: self.event.to_data(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventEnvelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let event = upcast::read_event(&written.type_name, written.schema_version, written.data)
            .map_err(de::Error::custom)?;
        Ok(Self {
            id: written.id,
            time: written.time,
            document_id: written.subject,
            sequence: written.sequence,
            tenant_id: written.tenant_id,
            trace: written.trace,
            idempotency_key: written.idempotency_key,
            event,
        })
    }
}

impl JsonSchema for EventEnvelope {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventEnvelope".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}
