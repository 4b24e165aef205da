//! Writes the channels and messages as AsyncAPI 3.0: the bus with a message for each event type, and the queues with their
//! jobs. What an event or a job holds is the domain's to say; it comes here as schemas.

use millrace_domain::{DocumentEvent, EVENT_SOURCE, EventEnvelope, JobEnvelope, QueueName};
use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;

/// The bus that events are put on; channel and address.
const BUS: &str = "millrace";
/// The name of the message that holds a job.
const JOB: &str = "job";

/// The document as JSON text, ending in a line feed.
pub(super) fn generate() -> String {
    let mut schemas = Schemas::default();
    let mut messages = event_messages(&mut schemas);
    let mut channels = Map::from_iter([("events".to_owned(), events_channel(messages.keys()))]);
    let publish = json!({
        "action": "send",
        "channel": { "$ref": "#/channels/events" },
        "summary": "Every event of every document, at least once, sent in order for each document.",
    });
    let mut operations = Map::from_iter([("publish-events".to_owned(), publish)]);
    messages.insert(JOB.into(), job_message(&mut schemas));
    for queue in QueueName::ALL {
        let Some(purpose) = jobs_of(queue) else { continue };
        channels.insert(queue.to_string(), job_channel(queue, purpose));
        let receive = json!({
            "action": "receive",
            "channel": { "$ref": format!("#/channels/{queue}") },
            "summary": purpose,
        });
        operations.insert(format!("work-{queue}"), receive);
    }
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millrace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What happens to documents, as events for everybody, and the jobs by which it is made to happen.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas.into_components(),
            "correlationIds": {
                "request": {
                    "description": "Links everything that one request set in motion.",
                    "location": "$message.payload#/correlation_id",
                },
            },
        },
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a JSON value has string keys");
    text.push('\n');
    text
}

/// A message for each event type: the envelope, held to the type and to its data.
fn event_messages(schemas: &mut Schemas) -> Map<String, Value> {
    let envelope = schemas.add(schema_for!(EventEnvelope));
    let message = |(type_name, schema): (&str, schemars::Schema)| {
        let summary = schema.get("description").cloned();
        let title = schema.get("title").cloned();
        let data = schemas.add(schema);
        let message = json!({
            "name": type_name,
            "title": title,
            "summary": summary,
            "correlationId": { "$ref": "#/components/correlationIds/request" },
            "payload": {
                "allOf": [
                    envelope,
                    {
                        "type": "object",
                        "properties": {
                            "specversion": { "const": "1.0" },
                            "source": { "const": EVENT_SOURCE },
                            "type": { "const": type_name },
                            "data": data,
                        },
                    },
                ],
            },
        });
        (type_name.to_owned(), message)
    };
    DocumentEvent::schemas().into_iter().map(message).collect()
}

fn events_channel<'a>(messages: impl Iterator<Item = &'a String>) -> Value {
    let reference = |name: &String| (name.clone(), message_reference(name));
    json!({
        "address": BUS,
        "title": "The event bus",
        "description": "An EventBridge bus. `source` is `millrace`, `detail-type` the message's name, and `detail` its \
                        payload: a CloudEvents 1.0 envelope. Delivered at least once; `id` is the same at every delivery, \
                        and `sequence` counts a document's events from 1 without gaps.",
        "messages": messages.map(reference).collect::<Map<_, _>>(),
    })
}

fn job_message(schemas: &mut Schemas) -> Value {
    json!({
        "name": JOB,
        "title": "Job",
        "summary": "One step for a worker to do; `job` says which.",
        "correlationId": { "$ref": "#/components/correlationIds/request" },
        "payload": schemas.add(schema_for!(JobEnvelope)),
    })
}

fn job_channel(queue: QueueName, purpose: &str) -> Value {
    json!({
        "address": queue.as_str(),
        "title": format!("The queue {queue}"),
        "description": format!("{purpose} An SQS queue, internal to Millrace; delivered at least once, in any order."),
        "messages": { JOB: message_reference(JOB) },
    })
}

/// What a queue's jobs are about. The projector's queue holds no jobs but events, as the bus delivers them.
fn jobs_of(queue: QueueName) -> Option<&'static str> {
    match queue {
        QueueName::Ingest => Some("Documents to extract, chunk and index by words: `ingest_document`."),
        QueueName::Embed => Some(
            "Batches of chunks to embed: `embed_chunks`, and `reembed_batch` of collections that move to another model.",
        ),
        QueueName::Purge => Some("Generations and documents to purge: `purge_generation`, `purge_document`."),
        // Their messages are the bus's and the object store's, not commands of ours.
        QueueName::Projector | QueueName::Uploads => None,
    }
}

fn message_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/messages/{name}") })
}
