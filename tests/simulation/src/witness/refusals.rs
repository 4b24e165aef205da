//! What must hold of what is refused, and of what is granted under a condition: there was a reason for it in a state that the
//! document had between question and answer.

use std::collections::BTreeSet;

use http::StatusCode;
use millrace_domain::{
    ContentHash, Document, DocumentEvent, DocumentKey, Status, UploadName, Version, evolve,
};
use serde_json::Value;

use super::{Asked, Memory, Story, Wish};
use crate::contents::Content;
use crate::event_sources::Answer;
use crate::operation::{Operation, Target};

/// An answer in short: its status, and the code of the problem that it tells.
struct Told {
    status: StatusCode,
    code: String,
}

impl Told {
    fn is(&self, status: StatusCode, codes: &[&str]) -> bool {
        self.status == status && codes.contains(&self.code.as_str())
    }
}

impl Story {
    /// The states that could be seen at some time between two instants.
    fn states_within(&self, from: u64, until: u64) -> Vec<Document> {
        let versions: BTreeSet<Version> =
            self.shown_within(from, until).iter().map(|shown| shown.version).collect();
        let mut states = Vec::new();
        let mut state = None;
        for envelope in &self.history {
            let next = evolve(state, &envelope.event, envelope.time);
            if versions.contains(&next.version) {
                states.push(next.clone());
            }
            state = Some(next);
        }
        states
    }
}

impl Memory {
    /// Holds an answer about a document of the asker's own, or about none, to the states that the document had.
    pub(super) fn check_reason(&mut self, asked: &Asked, answer: &Answer, line: impl Fn() -> String) {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let told = Told { status: answer.status, code: body["code"].as_str().unwrap_or_default().to_owned() };
        if told.status.is_server_error() {
            return;
        }
        match &asked.operation {
            Operation::Upload { key, .. } => {
                let accepted = told.status == StatusCode::ACCEPTED;
                let held = self.may_refuse_key(asked, key.as_deref(), &told);
                self.hold("G1", "an upload is refused for a reason", accepted || held, &line);
            }
            Operation::Put { url, content, .. } => self.check_put(url, content, &told, &line),
            Operation::Delete { target, .. }
            | Operation::Cancel { target }
            | Operation::Retry { target }
            | Operation::Replace { target, .. } => {
                let states = self.states(target, asked.from);
                let fits = self.fits(asked, answer, &told, &states);
                self.hold("G1", "a command is granted or refused for a reason", fits, &line);
            }
            _ => {}
        }
    }

    fn states(&self, target: &Target, from: u64) -> Vec<Document> {
        let story = self.stories.get(&target.key());
        story.map(|story| story.states_within(from, u64::MAX)).unwrap_or_default()
    }

    fn fits(&self, asked: &Asked, answer: &Answer, told: &Told, states: &[Document]) -> bool {
        let any = |holds: &dyn Fn(&Document) -> bool| states.iter().any(holds);
        let is = |status: Status| any(&|document| document.status == status);
        let absent = asked.operation.target().is_some_and(|target| {
            !self.stories.get(&target.key()).is_some_and(|story| story.existed(asked.from))
        });
        let common = told.is(StatusCode::CONFLICT, &["concurrent_change"])
            || told.status == StatusCode::NOT_FOUND && absent
            || told.status == StatusCode::GONE && any(&|document| document.status.is_gone());
        let accepted = told.status == StatusCode::ACCEPTED;
        let not_possible = told.is(StatusCode::CONFLICT, &["not_possible"]);
        let moved_on = |wanted: Option<u64>| {
            let other = |document: &Document| wanted.is_some_and(|wanted| document.version.get() != wanted);
            told.status == StatusCode::PRECONDITION_FAILED && any(&other)
        };
        common
            || match &asked.operation {
                Operation::Cancel { .. } => {
                    accepted && is(Status::Cancelled)
                        || not_possible && (is(Status::Ready) || is(Status::Failed))
                }
                Operation::Retry { .. } => {
                    let leftovers = |document: &Document| !document.residue.is_empty();
                    accepted && is(Status::Processing)
                        || not_possible && is(Status::Ready)
                        || told.is(StatusCode::CONFLICT, &["not_yet_possible"]) && any(&leftovers)
                }
                Operation::Delete { if_match, .. } => {
                    let on = |document: &Document| if_match.is_none_or(|on| document.version.get() == on);
                    // What somebody else deletes is deleted at whatever version.
                    let other = asked.operation.target().is_some_and(|target| {
                        self.wished.get(&(target.key(), Wish::Delete)).is_some_and(|times| *times > 1)
                    });
                    accepted && (any(&on) || other) || moved_on(*if_match)
                }
                Operation::Replace { content, key, if_match, .. } => {
                    let hash = content.hash();
                    let begun = |document: &Document| {
                        let alive = matches!(document.status, Status::Processing | Status::Ready);
                        alive && document.sha256 == hash
                    };
                    accepted && on_version(answer, *if_match) && (key.is_some() || any(&begun))
                        || moved_on(*if_match)
                        || self.may_refuse_key(asked, key.as_deref(), told)
                }
                _ => true,
            }
    }

    /// A key is refused while its first request runs, or if it is used for something else.
    fn may_refuse_key(&self, asked: &Asked, key: Option<&str>, told: &Told) -> bool {
        let Some(key) = key else { return false };
        let slot = (asked.tenant.clone(), key.to_owned());
        let several = self.requests.get(&slot).is_some_and(|requests| requests.len() > 1);
        told.is(StatusCode::CONFLICT, &["idempotency_in_progress", "concurrent_change"])
            || told.is(StatusCode::UNPROCESSABLE_ENTITY, &["idempotency_key_reused"]) && several
    }

    /// Bytes that were not announced are taken for no upload; but of an upload that was accepted before, nothing is read.
    fn check_put(&mut self, url: &str, content: &Content, told: &Told, line: impl Fn() -> String) {
        let Some(announced) = self.announced.get(url).cloned() else { return };
        let taken = told.status == StatusCode::OK;
        let own = announced == content.hash();
        let accepted = is_accepted(self, url);
        self.hold("G7", "only what was announced is taken for an upload", own || !taken || accepted, &line);
        let refused = told.status == StatusCode::UNPROCESSABLE_ENTITY;
        self.hold("G1", "what was announced is taken for an upload", !own || !refused, &line);
    }

    /// Under one key the same was asked for each time that it was accepted.
    pub(super) fn check_key(&mut self, asked: &Asked, key: &str, line: impl Fn() -> String) {
        let slot = (asked.tenant.clone(), key.to_owned());
        let request = asked.operation.fingerprint();
        let first = self.accepted_under.entry(slot).or_insert_with(|| request.clone()).clone();
        self.hold("G2", "an idempotency key is good for one request", first == request, line);
    }
}

/// A request that insists on a version is granted on that version: the next one is its event's, or, where the content is the
/// current one, the version stays.
fn on_version(answer: &Answer, if_match: Option<u64>) -> bool {
    match (answer.version, if_match) {
        (Some(version), Some(wanted)) => version == wanted || version == wanted + 1,
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

/// Whether the upload of a URL is in a history.
fn is_accepted(memory: &Memory, url: &str) -> bool {
    let name = url.split("/v1/uploads/").nth(1).and_then(|rest| rest.split('/').next());
    let Some(name) = name.and_then(|name| name.parse::<UploadName>().ok()) else { return true };
    let of = |key: &&DocumentKey| key.document_id == name.document_id;
    let Some(key) = memory.stories.keys().find(of) else { return false };
    memory.stories[key].history.iter().any(|envelope| match &envelope.event {
        DocumentEvent::DocumentUploaded(uploaded) => uploaded.upload_id == name.upload_id,
        _ => false,
    })
}

/// What a started upload announced, by its URL.
pub(super) type Announced = std::collections::BTreeMap<String, ContentHash>;
