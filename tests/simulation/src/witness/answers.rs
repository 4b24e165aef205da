//! What must hold of answers: what was accepted is in the history, a repetition gets the first answer, nobody is told of or
//! can touch what is another tenant's, and what is read is as new as what was acknowledged.

use std::collections::BTreeSet;

use http::StatusCode;
use millrace_domain::{
    CollectionName, ContentHash, DocumentId, DocumentKey, Generation, JobId, TenantId, Version,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Memory, SeenHit, Witness};
use crate::event_sources::Answer;
use crate::operation::{Operation, Target};

/// What a client may have asked to be done to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Delete,
    Cancel,
    Retry,
}

/// A request as it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) operation: Operation,
    /// Before which append it began.
    pub(crate) from: u64,
}

/// What was first accepted under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstAnswer {
    document_id: DocumentId,
    generation: Generation,
    job_id: JobId,
    content: ContentHash,
    /// The version that its `ETag` names: clients insist on it with `If-Match`.
    version: Version,
}

impl Asked {
    fn target(&self) -> Option<&Target> {
        self.operation.target()
    }

    fn is_foreign(&self) -> bool {
        let names = !matches!(self.operation, Operation::Redrive { .. });
        names && self.target().is_some_and(|target| target.owner != self.tenant)
    }
}

impl Witness {
    /// A client asks for something; from now on it may happen.
    pub(crate) fn asks(&self, tenant: &TenantId, operation: &Operation) {
        if let Some(key) = operation.key() {
            let slot = (tenant.clone(), key.to_owned());
            self.lock().requests.entry(slot).or_default().insert(operation.fingerprint());
        }
        let wish = match operation {
            Operation::Delete { .. } => Wish::Delete,
            Operation::Cancel { .. } => Wish::Cancel,
            Operation::Retry { .. } => Wish::Retry,
            _ => return,
        };
        if let Some(target) = operation.target().filter(|target| target.owner == *tenant) {
            self.wishes(&target.key(), wish);
        }
    }

    /// Somebody wants something done to a document.
    pub(crate) fn wishes(&self, key: &DocumentKey, wish: Wish) {
        self.lock().wish(key, wish);
    }

    /// A request was answered.
    pub(crate) fn answered(&self, asked: &Asked, answer: &Answer) {
        let (status, body) = (answer.status, &answer.body[..]);
        let line = || format!("{:?} of {}: {status} {}", asked.operation, asked.tenant, text(body));
        let mut memory = self.lock();
        let internal = status == StatusCode::INTERNAL_SERVER_ERROR;
        memory.hold("G1", "no request meets an internal error", !internal, line);
        if asked.is_foreign() {
            let denied = status == StatusCode::NOT_FOUND || status.is_server_error();
            return memory.hold("G7", "a document of another tenant is not there", denied, line);
        }
        memory.check_reason(asked, answer, line);
        match &asked.operation {
            Operation::Upload { content, key, .. } | Operation::Replace { content, key, .. }
                if status == StatusCode::ACCEPTED =>
            {
                if let Some(key) = key {
                    memory.check_key(asked, key, line);
                }
                memory.accepted(asked, &content.hash(), key.as_deref(), answer, line);
            }
            Operation::Complete { content, .. } if status == StatusCode::ACCEPTED => {
                memory.accepted(asked, &content.hash(), None, answer, line);
            }
            Operation::Start { content, .. } if status.is_success() => {
                let url = json(body)["url"].as_str().unwrap_or_default().to_owned();
                memory.announced.insert(url, content.hash());
            }
            Operation::Redrive { target, .. } if status == StatusCode::OK => {
                memory.redriven(asked, target.as_ref(), body, line);
            }
            Operation::Delete { .. } if status == StatusCode::ACCEPTED => memory.deleted(asked, line),
            Operation::Get { .. } => memory.got(asked, status, body, line),
            Operation::Timeline { .. } if status == StatusCode::OK => memory.read_timeline(asked, body, line),
            Operation::Content { .. } if status == StatusCode::OK => memory.read_content(asked, body, line),
            Operation::List if status == StatusCode::OK => memory.listed(asked, body, line),
            Operation::Search { collection } if status == StatusCode::OK => {
                drop(memory);
                self.search_answered(asked, collection, body);
            }
            _ => {}
        }
    }

    fn search_answered(&self, asked: &Asked, collection: &CollectionName, body: &[u8]) {
        let hits = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|body| serde_json::from_value::<Vec<SeenHit>>(body.get("hits")?.clone()).ok());
        match hits {
            Some(hits) => self.searched(&asked.tenant, collection, asked.from, &hits),
            None => self.accuse("G5", "an answer to a search has hits", text(body)),
        }
    }
}

impl Memory {
    /// Somebody wants something done to a document, once more.
    pub(super) fn wish(&mut self, key: &DocumentKey, wish: Wish) {
        self.wishes.insert((key.clone(), wish));
        *self.wished.entry((key.clone(), wish)).or_default() += 1;
    }

    fn accepted(
        &mut self,
        asked: &Asked,
        content: &ContentHash,
        idempotency_key: Option<&str>,
        answer: &Answer,
        line: impl Fn() -> String,
    ) {
        let Some(answer) = first_answer(answer, content) else {
            return self.accuse("G1", "an acceptance names its document", line());
        };
        let key = DocumentKey { tenant_id: asked.tenant.clone(), document_id: answer.document_id };
        let story = self.stories.get(&key);
        let stored = story.and_then(|story| story.content_of(answer.generation));
        let owned = story.is_some();
        let recorded_at = story.and_then(|story| story.recorded_at(answer.generation));
        let named = recorded_at.is_some_and(|recorded_at| recorded_at <= answer.version);
        self.hold("G7", "what a tenant uploads is its own", owned, &line);
        self.hold("G1", "what is acknowledged is in the history", stored.as_ref() == Some(content), &line);
        self.hold("G3", "an acceptance names a version that has its content", named, &line);
        let Some(idempotency_key) = idempotency_key else { return };
        let slot = (asked.tenant.clone(), idempotency_key.to_owned());
        let first = self.keys.entry(slot).or_insert_with(|| answer.clone()).clone();
        self.hold("G2", "a repeated request gets the first answer", first == answer, &line);
    }

    /// What a redrive says that it moved is the asker's, and of the document that was named.
    fn redriven(&mut self, asked: &Asked, named: Option<&Target>, body: &[u8], line: impl Fn() -> String) {
        let body = json(body);
        let letters = body["dead_letters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let own = letters.iter().all(|letter| {
            let id = letter["document_id"].as_str();
            let of_named = named.is_none_or(|named| id == Some(named.document_id.to_string().as_str()));
            letter["tenant_id"].as_str() == Some(asked.tenant.as_str()) && of_named
        });
        self.hold("G7", "a redrive is of its tenant's letters, and of those that were named", own, line);
    }

    fn deleted(&mut self, asked: &Asked, line: impl Fn() -> String) {
        let Some(key) = asked.target().map(Target::key) else { return };
        let gone = self.stories.get(&key).is_some_and(|story| story.document.status.is_gone());
        self.hold("G6", "an acknowledged deletion has its tombstone", gone, line);
    }

    /// A document is read as of an instant between question and answer.
    fn got(&mut self, asked: &Asked, status: StatusCode, body: &[u8], line: impl Fn() -> String) {
        let Some(story) = asked.target().and_then(|target| self.stories.get(&target.key())) else { return };
        let shown = story.shown_within(asked.from, u64::MAX);
        let version = json(body)["version"].as_u64();
        let holds = match status {
            StatusCode::OK => shown.iter().any(|shown| Some(shown.version.get()) == version),
            StatusCode::NOT_FOUND => !story.existed(asked.from),
            StatusCode::GONE => story.document.status.is_gone(),
            _ => true,
        };
        self.hold("G3", "a document is read as its history has it", holds, line);
    }

    fn read_timeline(&mut self, asked: &Asked, body: &[u8], line: impl Fn() -> String) {
        let Some(story) = asked.target().and_then(|target| self.stories.get(&target.key())) else { return };
        let body = json(body);
        let events = body["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let same = events.iter().all(|event| {
            let at = event["sequence"].as_u64().unwrap_or_default().saturating_sub(1) as usize;
            let appended = story.history.get(at).map(|appended| appended.id.to_string());
            appended.is_some() && appended.as_deref() == event["id"].as_str()
        });
        self.hold("G3", "a timeline is the history", same, line);
    }

    fn read_content(&mut self, asked: &Asked, body: &[u8], line: impl Fn() -> String) {
        let Some(story) = asked.target().and_then(|target| self.stories.get(&target.key())) else { return };
        let hash = ContentHash::from_digest(Sha256::digest(body).into());
        let own = (1..=story.document.generation.get())
            .any(|generation| story.content_of(Generation::new(generation)).as_ref() == Some(&hash));
        self.hold("G7", "a content is read as it was uploaded", own, line);
    }

    fn listed(&mut self, asked: &Asked, body: &[u8], line: impl Fn() -> String) {
        let body = json(body);
        let documents = body["documents"].as_array().map(Vec::as_slice).unwrap_or_default();
        let listed: BTreeSet<_> = documents.iter().filter_map(|one| one["document_id"].as_str()).collect();
        let mine = |id: &&str| {
            let of = |key: &DocumentKey| key.tenant_id == asked.tenant && key.document_id.to_string() == *id;
            self.stories.keys().any(of)
        };
        let own = listed.iter().all(mine);
        let once = listed.len() == documents.len();
        self.hold("G7", "a list has its tenant's documents only", own, &line);
        self.hold("G2", "a list has a document once", once, &line);
    }
}

fn first_answer(answer: &Answer, content: &ContentHash) -> Option<FirstAnswer> {
    let body = json(&answer.body);
    Some(FirstAnswer {
        document_id: body["document_id"].as_str()?.parse().ok()?,
        generation: Generation::new(u32::try_from(body["generation"].as_u64()?).ok()?),
        job_id: body["job_id"].as_str()?.parse().ok()?,
        content: content.clone(),
        version: Version::new(answer.version?),
    })
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned()
}
