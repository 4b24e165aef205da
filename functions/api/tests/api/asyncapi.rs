//! The AsyncAPI document against the events that are stored and the jobs that there are.

use std::collections::BTreeSet;
use std::path::Path;

use millrace_domain::{BatchIndex, DocumentEvent, Generation, IndexSpace, Job, JobEnvelope, QueueName};
use millrace_test_support::SeededIds;
use millrace_test_support::builders::{tenant, trace};
use serde_json::{Value, json};

use crate::schema_check::{assert_fits, references};
use crate::server::Server;

fn document() -> Value {
    serde_json::from_str(millrace_api::asyncapi_json()).unwrap()
}

#[tokio::test]
async fn everybody_may_read_it() {
    let served = Server::start().await.get("/asyncapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.json(), document());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let references = references(&document);
    assert!(references.len() > 60);
    for reference in references {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    for channel in document["channels"].as_object().unwrap().values() {
        for (name, message) in channel["messages"].as_object().unwrap() {
            assert_eq!(message["$ref"], format!("#/components/messages/{name}"));
        }
    }
}

#[test]
fn every_stored_event_fits_its_message() {
    let document = document();
    let channel = document["channels"]["events"]["messages"].as_object().unwrap();
    let types: BTreeSet<&str> = channel.keys().map(String::as_str).collect();
    assert_eq!(types, DocumentEvent::TYPES.iter().copied().collect());
    for type_name in types {
        let short = type_name.trim_start_matches("millrace.document.");
        let path = format!("../../events/stored/{short}/v1.json");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let payload = &document["components"]["messages"][type_name]["payload"]["allOf"];
        assert_fits(&document, &payload[0], &event);
        let held = &payload[1]["properties"];
        assert_fits(&document, &held["data"], &event["data"]);
        for member in ["specversion", "source", "type"] {
            assert_eq!(held[member]["const"], event[member], "{type_name}");
        }
    }
}

#[test]
fn every_job_is_named_on_its_queue_and_on_no_other() {
    let document = document();
    let generation = Generation::FIRST;
    let jobs = [
        Job::IngestDocument { generation },
        Job::EmbedChunks { generation, batch: BatchIndex::new(0) },
        Job::ReembedBatch { generation, batch: BatchIndex::new(0), space: IndexSpace::new(1) },
        Job::PurgeGeneration { generation },
        Job::PurgeDocument {},
    ];
    let schema = &document["components"]["schemas"]["JobEnvelope"];
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), jobs.len(), "a job is missing in this test");
    let ids = SeededIds::new(7);
    for job in jobs {
        let queue = job.queue();
        let envelope = JobEnvelope {
            tenant_id: tenant("acme"),
            document_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            job,
            trace: trace(&ids),
        };
        let body: Value = serde_json::from_str(&envelope.to_body()).unwrap();
        let name = format!("`{}`", body["job"].as_str().unwrap());
        let mut members = body.as_object().unwrap().clone();
        let own: Vec<String> = ["job", "generation", "batch", "space"].map(str::to_owned).into();
        let job: serde_json::Map<_, _> =
            own.iter().filter_map(|member| members.remove_entry(member)).collect();
        assert_fits(&document, &json!({ "oneOf": schema["oneOf"] }), &Value::Object(job));
        assert_fits(&document, &json!({ "properties": schema["properties"] }), &Value::Object(members));
        for other in QueueName::ALL {
            let description = document["channels"][other.as_str()]["description"].as_str();
            assert_eq!(
                description.is_some_and(|text| text.contains(&name)),
                other == queue,
                "{name} {other}"
            );
        }
    }
}
