//! A dead letter as an operator sees it: why it died and whose document it is about, read from its body. Bodies themselves
//! are not passed on.

use std::collections::BTreeSet;

use millrace_domain::{
    DocumentId, DocumentKey, EventEnvelope, Job, JobEnvelope, QueueName, TenantId, Timestamp,
};
use millrace_ports::{BlobKey, DeadLetter};
use serde_json::Value;

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterEntry {
    /// On which queue it died.
    pub queue: QueueName,
    /// Names it.
    pub message_id: String,
    /// What it is about; absent if it cannot be read.
    pub subject: Option<DeadLetterSubject>,
    /// Why it died, to group by.
    pub error_code: String,
    /// Why, in words.
    pub reason: String,
    /// How often it was delivered.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterSubject {
    /// Which document, and whose.
    pub key: DocumentKey,
    /// The job, the event's type, or `content_put`.
    pub kind: String,
}

/// Whose dead letters somebody may see and redrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetterScope {
    /// All, those too that cannot be read and so belong to nobody: for whoever runs the installation.
    Everything,
    /// Those that cannot be read and so belong to nobody: for whoever runs the installation.
    Unreadable,
    /// Those about documents of one tenant.
    Tenant(TenantId),
}

/// Which dead letters; without anything set, all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Only these messages, if any are named.
    pub message_ids: BTreeSet<String>,
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only with this code.
    pub error_code: Option<String>,
    /// Only with this in their reason, in any case of letters.
    pub reason: Option<String>,
    /// Only about this document.
    pub document_id: Option<DocumentId>,
    /// Only about documents of this tenant.
    pub tenant_id: Option<TenantId>,
}

impl DeadLetterEntry {
    /// Reads a dead letter.
    pub(crate) fn of(queue: QueueName, letter: &DeadLetter) -> Self {
        Self {
            queue,
            message_id: letter.message_id.clone(),
            subject: DeadLetterSubject::read(&letter.body),
            error_code: letter.code().to_owned(),
            reason: letter.reason().to_owned(),
            receive_count: letter.receive_count,
            sent_at: letter.sent_at,
        }
    }

    /// Whose it is, if that can be read.
    pub fn tenant_id(&self) -> Option<&TenantId> {
        self.subject.as_ref().map(|subject| &subject.key.tenant_id)
    }
}

impl DeadLetterScope {
    /// Whether a letter lies within.
    pub(crate) fn covers(&self, entry: &DeadLetterEntry) -> bool {
        match self {
            Self::Everything => true,
            Self::Unreadable => entry.subject.is_none(),
            Self::Tenant(tenant) => entry.tenant_id() == Some(tenant),
        }
    }
}

impl DeadLetterFilter {
    /// Whether nothing but the queue narrows it: then a queue can be redriven as a whole.
    pub(crate) fn takes_whole_queues(&self) -> bool {
        *self == Self { queue: self.queue, ..Self::default() }
    }

    /// Whether a letter passes.
    pub(crate) fn passes(&self, entry: &DeadLetterEntry) -> bool {
        let document = entry.subject.as_ref().map(|subject| subject.key.document_id);
        (self.message_ids.is_empty() || self.message_ids.contains(&entry.message_id))
            && self.queue.is_none_or(|queue| queue == entry.queue)
            && self.error_code.as_ref().is_none_or(|code| *code == entry.error_code)
            && self.reason.as_ref().is_none_or(|part| contains(&entry.reason, part))
            && (self.document_id.is_none() || self.document_id == document)
            && (self.tenant_id.is_none() || self.tenant_id.as_ref() == entry.tenant_id())
    }
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

impl DeadLetterSubject {
    /// What a body is about: a job, an event as the bus delivers it, or the notice that a content was put.
    fn read(body: &str) -> Option<Self> {
        if let Ok(job) = serde_json::from_str::<JobEnvelope>(body) {
            return Some(Self { key: job.key(), kind: job_kind(&job.job).to_owned() });
        }
        let body: Value = serde_json::from_str(body).ok()?;
        let detail = body.get("detail");
        let event = detail.and_then(|detail| serde_json::from_value::<EventEnvelope>(detail.clone()).ok());
        if let Some(event) = event {
            return Some(Self { key: event.key(), kind: event.event.type_name().to_owned() });
        }
        let (key, _) = BlobKey::source_of(put_object(&body)?)?;
        Some(Self { key, kind: "content_put".to_owned() })
    }
}

fn job_kind(job: &Job) -> &'static str {
    match job {
        Job::IngestDocument { .. } => "ingest_document",
        Job::EmbedChunks { .. } => "embed_chunks",
        Job::ReembedBatch { .. } => "reembed_batch",
        Job::PurgeGeneration { .. } => "purge_generation",
        Job::PurgeDocument {} => "purge_document",
    }
}

/// The object of a bucket's notification, directly or by way of the bus. One about several objects belongs to nobody.
fn put_object(body: &Value) -> Option<&str> {
    let several = body.get("Records").and_then(Value::as_array).is_some_and(|records| records.len() != 1);
    let key = body.pointer("/detail/object/key").or_else(|| body.pointer("/Records/0/s3/object/key"));
    key.and_then(Value::as_str).filter(|_| !several)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use millrace_ports::{DEAD_LETTER_CODE, DEAD_LETTER_REASON};

    use super::*;

    const JOB: &str = r#"{"tenant_id":"acme","document_id":"0199a000-0000-7000-8000-000000000001",
        "job":"embed_chunks","generation":2,"batch":7,"correlation_id":"0199a000-0000-7000-8000-00000000c001"}"#;
    const STORED: &str = include_str!("../../../events/stored/uploaded/v1.json");

    fn entry(body: &str) -> DeadLetterEntry {
        let attributes = BTreeMap::from([
            (DEAD_LETTER_CODE.to_owned(), "unavailable".to_owned()),
            (DEAD_LETTER_REASON.to_owned(), "Embedder away".to_owned()),
        ]);
        let letter = DeadLetter {
            message_id: "7".into(),
            body: body.into(),
            group: Some("acme".into()),
            attributes,
            receive_count: 5,
            sent_at: Timestamp::from_millis(1_700_000_000_000),
        };
        DeadLetterEntry::of(QueueName::Embed, &letter)
    }

    fn about(body: &str) -> Option<(String, String)> {
        let subject = entry(body).subject?;
        Some((subject.key.tenant_id.to_string(), subject.kind))
    }

    #[test]
    fn whose_letter_it_is_stands_in_its_body() {
        let id = "0199a000-0000-7000-8000-000000000001";
        let object = format!("acme/{id}/source-{id}.content");
        let of_acme = |kind: &str| Some(("acme".to_owned(), kind.to_owned()));
        assert_eq!(about(JOB), of_acme("embed_chunks"));
        let event: Value = serde_json::from_str(STORED).unwrap();
        let tenant = event["tenant_id"].as_str().unwrap().to_owned();
        let kind = event["type"].as_str().unwrap().to_owned();
        assert_eq!(about(&serde_json::json!({ "detail": event }).to_string()), Some((tenant, kind)));
        let by_bus = serde_json::json!({ "detail": { "object": { "key": object } } });
        assert_eq!(about(&by_bus.to_string()), of_acme("content_put"));
        let record = serde_json::json!({ "s3": { "object": { "key": object } } });
        assert_eq!(about(&serde_json::json!({ "Records": [record] }).to_string()), of_acme("content_put"));
        let two = serde_json::json!({ "Records": [record, record] });
        assert_eq!(about(&two.to_string()), None);
    }

    /// The group is not taken for it: it says whose turn it was, and nothing reads it back.
    #[test]
    fn what_cannot_be_read_belongs_to_nobody() {
        for body in ["", "{", "null", "[]", r#"{"tenant_id":"acme"}"#, r#"{"detail":{"tenant_id":"acme"}}"#] {
            let entry = entry(body);
            assert_eq!(entry.subject, None, "{body}");
            assert!(!DeadLetterScope::Tenant("acme".parse().unwrap()).covers(&entry));
            assert!(DeadLetterScope::Everything.covers(&entry));
            assert!(DeadLetterScope::Unreadable.covers(&entry));
        }
    }

    #[test]
    fn a_tenant_sees_its_own_only() {
        assert!(DeadLetterScope::Tenant("acme".parse().unwrap()).covers(&entry(JOB)));
        assert!(!DeadLetterScope::Tenant("other".parse().unwrap()).covers(&entry(JOB)));
        assert!(!DeadLetterScope::Unreadable.covers(&entry(JOB)));
    }

    #[test]
    fn every_part_of_a_filter_must_agree() {
        let passing = DeadLetterFilter {
            message_ids: ["7".to_owned()].into(),
            queue: Some(QueueName::Embed),
            error_code: Some("unavailable".into()),
            reason: Some("embedder".into()),
            document_id: Some("0199a000-0000-7000-8000-000000000001".parse().unwrap()),
            tenant_id: Some("acme".parse().unwrap()),
        };
        assert!(DeadLetterFilter::default().passes(&entry(JOB)));
        assert!(passing.passes(&entry(JOB)));
        let other_id = Some("0199a000-0000-7000-8000-000000000002".parse().unwrap());
        for failing in [
            DeadLetterFilter { message_ids: ["8".to_owned()].into(), ..passing.clone() },
            DeadLetterFilter { queue: Some(QueueName::Ingest), ..passing.clone() },
            DeadLetterFilter { error_code: Some("unavail".into()), ..passing.clone() },
            DeadLetterFilter { reason: Some("extractor".into()), ..passing.clone() },
            DeadLetterFilter { document_id: other_id, ..passing.clone() },
            DeadLetterFilter { tenant_id: Some("other".parse().unwrap()), ..passing.clone() },
        ] {
            assert!(!failing.passes(&entry(JOB)), "{failing:?}");
            assert!(!failing.takes_whole_queues());
        }
        let whole = DeadLetterFilter { queue: Some(QueueName::Embed), ..DeadLetterFilter::default() };
        assert!(whole.takes_whole_queues() && DeadLetterFilter::default().takes_whole_queues());
    }
}
