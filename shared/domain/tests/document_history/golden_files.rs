//! Every event shape ever written has a golden file, events/stored/<event>/vN.json, that today's code still reads; with a
//! field that was added later, vN-<field>.json.
//! With MILLRACE_BLESS=1 missing files of the current version are written; existing ones are never changed.

use std::path::{Path, PathBuf};

use millrace_domain::*;

use crate::builders::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn sample_events() -> Vec<DocumentEvent> {
    let mut content = content(1);
    content.metadata.insert("team".into(), "field".into());
    let commands = [
        Command::Upload(content),
        extract(1),
        chunk(1, 3),
        embed(1, 0),
        fail(1),
        purge_vectors(1),
        retry(),
        Command::CancelIngestion,
        purge_vectors(1),
        retry(),
        chunk_at(1, 2, 3),
        embed_at(1, 2, 0),
        embed_at(1, 2, 1),
        Command::Classify {
            generation: generation(1),
            label: "invoice".into(),
            confidence: 0.75,
            model_version: "rules-1".into(),
        },
        Command::RequestDeletion,
        Command::RecordVectorsPurged {
            generation: None,
            chunks: 3,
            vectors: 3,
            cached_vectors: 1,
            attempts: None,
        },
        Command::RecordContentPurged {
            generation: None,
            blobs: 4,
            bytes: ByteSize::new(500),
            attempts: None,
        },
        Command::CompleteDeletion { attempts: None, at: at(50) },
    ];
    let mut document = None;
    let mut events = Vec::new();
    for command in commands {
        for event in decide(document.as_ref(), command).unwrap() {
            document = Some(evolve(document, &event, at(0)));
            events.push(event);
        }
    }
    events
}

fn envelope(event: DocumentEvent) -> EventEnvelope {
    EventEnvelope {
        id: EventId::new(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        time: at(0),
        document_id: DocumentId::new(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002)),
        sequence: Version::new(1),
        tenant_id: TenantId::local_default(),
        trace: Trace {
            correlation_id: CorrelationId::new(uuid::Uuid::from_u128(
                0x0190_0000_0000_7000_8000_0000_0000_0003,
            )),
            causation_id: None,
            traceparent: None,
        },
        idempotency_key: Some(IdempotencyKey::new("invoice-7").unwrap()),
        event,
    }
}

fn pin(path: &Path, text: &str) -> String {
    if !path.exists() && std::env::var_os("MILLRACE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_event_type_is_pinned_as_it_is_written() {
    let events = sample_events();
    for type_name in DocumentEvent::TYPES {
        let event = events.iter().find(|event| event.type_name() == *type_name).expect(type_name).clone();
        let version = event.schema_version();
        let envelope = envelope(event);
        let written = serde_json::to_string_pretty(&envelope).unwrap() + "\n";
        let short = type_name.trim_start_matches("millrace.document.");
        let pinned = pin(&folder().join(format!("stored/{short}/v{version}.json")), &written);
        assert_eq!(
            pinned, written,
            "the written shape of {type_name} v{version} changed: add a version instead"
        );
        assert_eq!(serde_json::from_str::<EventEnvelope>(&pinned).unwrap(), envelope);
        assert!(serde_json::to_string(&envelope).unwrap().len() < 1_024 + 512, "{type_name} has grown large");
    }
}

/// A field that was added to a version has a file of its own; the version's first file stays as it was written.
#[test]
fn every_added_field_is_pinned_as_it_is_written() {
    let attempts = Some(2);
    let added = sample_events().into_iter().filter_map(|event| match event {
        DocumentEvent::TextExtracted(data) => Some(TextExtracted { attempts, ..data }.into()),
        DocumentEvent::DocumentChunked(data) => Some(DocumentChunked { attempts, ..data }.into()),
        DocumentEvent::ChunksEmbedded(data) => Some(ChunksEmbedded { attempts, ..data }.into()),
        DocumentEvent::VectorsPurged(data) => Some(VectorsPurged { attempts, ..data }.into()),
        DocumentEvent::ContentPurged(data) => Some(ContentPurged { attempts, ..data }.into()),
        DocumentEvent::DocumentDeleted(data) => Some(DocumentDeleted { attempts, ..data }.into()),
        _ => None,
    });
    let mut pinned_types = std::collections::BTreeSet::new();
    for event in added.collect::<Vec<DocumentEvent>>() {
        if !pinned_types.insert(event.type_name()) {
            continue;
        }
        let short = event.type_name().trim_start_matches("millrace.document.").to_owned();
        let envelope = envelope(event);
        let written = serde_json::to_string_pretty(&envelope).unwrap() + "\n";
        let pinned = pin(&folder().join(format!("stored/{short}/v1-attempts.json")), &written);
        assert_eq!(pinned, written, "the written shape of {short} with attempts changed");
        assert_eq!(serde_json::from_str::<EventEnvelope>(&pinned).unwrap(), envelope);
    }
    assert_eq!(pinned_types.len(), 6);
}

#[test]
fn every_golden_file_is_still_read() {
    let mut read = 0;
    for event in std::fs::read_dir(folder().join("stored")).unwrap() {
        for version in std::fs::read_dir(event.unwrap().path()).unwrap() {
            let path = version.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let envelope: EventEnvelope =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            assert!(DocumentEvent::TYPES.contains(&envelope.event.type_name()));
            read += 1;
        }
    }
    assert!(read >= DocumentEvent::TYPES.len());
}

#[test]
fn every_schema_is_pinned() {
    for (type_name, schema) in DocumentEvent::schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let pinned = pin(&folder().join(format!("schemas/{type_name}.json")), &text);
        assert_eq!(pinned, text, "schema of {type_name} drifted from events/schemas");
    }
    for (name, schema) in
        [("envelope", schemars::schema_for!(EventEnvelope)), ("job", schemars::schema_for!(JobEnvelope))]
    {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        assert_eq!(pin(&folder().join(format!("schemas/{name}.json")), &text), text, "schema {name} drifted");
    }
}

#[test]
fn an_event_of_a_newer_release_is_named_not_guessed() {
    let mut json = serde_json::to_value(envelope(sample_events().remove(0))).unwrap();
    json["schema_version"] = 99.into();
    let error = serde_json::from_value::<EventEnvelope>(json).unwrap_err().to_string();
    assert!(error.contains("version 99"), "{error}");
}
