//! The way of one file: fingerprint, send under its key, recognise what is there already, try again what failed, follow
//! to the end. Which files, and what is printed, is decided elsewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::client::{
    Accepted, ByUrl, Client, ClientError, ContentHeaders, Deadline, DocumentState, Fetched, FileContent,
    Following, Settled, Tagged, Target, UploadRequest,
};
use crate::output::{Board, Line};
use crate::session::Session;

use super::fingerprint::Fingerprint;
use super::idempotency_key::{Purpose, idempotency_key};
use super::media_type::media_type_of;
use super::summary::{Ending, FileOutcome};

/// Larger files go by URL: API Gateway takes bodies of about 4.5 MB.
const IN_ONE_BYTES_MAX: u64 = 4 << 20;
/// How often a document may have been uploaded and deleted again, before we stop looking for a key that is free.
const DELETED_PREDECESSORS_MAX: usize = 32;

/// What all files of one run share.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    session: &'a Session<'a>,
    board: &'a Board<'a>,
    settings: UploadSettings,
    /// Limits what is sent at the same time; waiting for the server takes no permit.
    sending: Semaphore,
    /// The key of each file of this run, so that equal files do not race each other.
    claimed: Mutex<HashMap<String, PathBuf>>,
    /// Set when no further file can succeed.
    is_hopeless: AtomicBool,
}

#[derive(Debug)]
pub(super) struct UploadSettings {
    pub(super) collection: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) replace: Option<String>,
    pub(super) sent_at_once: usize,
    pub(super) wait: bool,
    pub(super) deadline: Deadline,
}

/// The server's document for a file.
struct Taken {
    document_id: String,
    was_there: bool,
    /// Its state, if it was looked at; for a replaced document, the state before.
    state: Option<Fetched<DocumentState>>,
    /// Whether `state` is history: an order that changes it was given since.
    is_stale: bool,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(session: &'a Session<'a>, board: &'a Board<'a>, settings: UploadSettings) -> Self {
        let sending = Semaphore::new(settings.sent_at_once);
        let (claimed, is_hopeless) = (Mutex::default(), AtomicBool::new(false));
        Self { session, board, settings, sending, claimed, is_hopeless }
    }

    /// Takes one file all the way.
    pub(super) async fn process(&self, path: PathBuf) -> FileOutcome {
        let (mut document_id, ending) = match self.try_process(&path).await {
            Ok(outcome) => outcome,
            Err((document_id, error)) => {
                if error.concerns_every_document() {
                    self.is_hopeless.store(true, Ordering::Relaxed);
                }
                (document_id, Ending::Error(error))
            }
        };
        if matches!(ending, Ending::NotTried | Ending::SameAs { .. }) {
            document_id = None;
        }
        FileOutcome { path, document_id, ending }
    }

    async fn try_process(
        &self,
        path: &Path,
    ) -> Result<(Option<String>, Ending), (Option<String>, ClientError)> {
        let unsent = |error| (None, error);
        let deadline = self.settings.deadline;
        let permit = deadline.bound(async { Ok(self.sending.acquire().await) }).await.map_err(unsent)?;
        if self.is_hopeless.load(Ordering::Relaxed) {
            return Ok((None, Ending::NotTried));
        }
        let line = self.board.document(&path.display().to_string());
        let fingerprint = deadline.bound(Fingerprint::of(path)).await.map_err(unsent)?;
        if let Some(other) = self.claim(path, &fingerprint) {
            return Ok((None, Ending::SameAs { path: other }));
        }
        let taken = deadline.bound(self.send(path, &fingerprint, &line)).await.map_err(unsent)?;
        drop(permit);
        let document_id = taken.document_id.clone();
        match self.settle(taken, &line).await {
            Ok(ending) => Ok((Some(document_id), ending)),
            Err(error) => Err((Some(document_id), error)),
        }
    }

    /// The other file of this run with the same name and content, if there is one.
    fn claim(&self, path: &Path, fingerprint: &Fingerprint) -> Option<PathBuf> {
        let key = self.new_key(path, fingerprint, None);
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = claimed.get(&key) {
            return Some(other.clone());
        }
        claimed.insert(key, path.to_owned());
        None
    }

    fn new_key(&self, path: &Path, fingerprint: &Fingerprint, after_deleted: Option<&str>) -> String {
        let purpose = Purpose::New { collection: &self.settings.collection, after_deleted };
        idempotency_key(purpose, &filename(path), &fingerprint.sha256)
    }

    async fn send(
        &self,
        path: &Path,
        fingerprint: &Fingerprint,
        line: &Line<'_>,
    ) -> Result<Taken, ClientError> {
        match &self.settings.replace {
            Some(document_id) => self.send_replacement(path, fingerprint, document_id, line).await,
            None => self.send_new(path, fingerprint, line).await,
        }
    }

    async fn send_new(
        &self,
        path: &Path,
        fingerprint: &Fingerprint,
        line: &Line<'_>,
    ) -> Result<Taken, ClientError> {
        let target = Target::New { collection: self.settings.collection.clone() };
        let mut deleted: Option<String> = None;
        for _ in 0..DELETED_PREDECESSORS_MAX {
            let key = self.new_key(path, fingerprint, deleted.as_deref());
            let begun = Instant::now();
            let accepted = self.transfer(path, fingerprint, &target, &key, line).await?;
            let took = begun.elapsed();
            if accepted.replayed == Some(false) && !self.settings.wait {
                return Ok(Taken::fresh(accepted.document_id));
            }
            match self.client().document(&accepted.document_id).await {
                Ok(state) if !state.value.is_gone() => {
                    let was_there = was_there_before(&accepted, &state.value, took);
                    return self.taken(path, accepted.document_id, was_there, state).await;
                }
                // Just accepted, and not yet to be seen everywhere.
                Err(error) if error.status() == Some(404) => return Ok(Taken::fresh(accepted.document_id)),
                Err(error) if error.status() != Some(410) => return Err(error),
                // It was deleted since, and is wanted again: a new document.
                _gone => deleted = Some(accepted.document_id),
            }
        }
        Err(ClientError::Unreadable {
            what: format!("the upload of {}", path.display()),
            source: "it names one deleted document after another".into(),
        })
    }

    /// Decides what to do about a document that the server holds for this file.
    async fn taken(
        &self,
        path: &Path,
        document_id: String,
        was_there: bool,
        state: Fetched<DocumentState>,
    ) -> Result<Taken, ClientError> {
        let asked = &self.settings.metadata;
        if was_there && state.value.metadata.as_ref().is_some_and(|kept| !asked.is_empty() && kept != asked) {
            let name = path.display();
            self.board.note(&format!("{name} is there already and keeps the metadata it has"));
        }
        let is_stale = was_there && state.value.is_worth_a_retry();
        if is_stale {
            self.client().retry(&document_id).await?;
        }
        Ok(Taken { document_id, was_there, state: Some(state), is_stale })
    }

    async fn send_replacement(
        &self,
        path: &Path,
        fingerprint: &Fingerprint,
        document_id: &str,
        line: &Line<'_>,
    ) -> Result<Taken, ClientError> {
        let tagged = self.client().document_if_changed(document_id, None).await?;
        // Nobody answers "not modified" to a request without an entity tag; if so, there is nothing to compare with.
        let Some(Tagged { state, etag }) = tagged else { return Ok(Taken::fresh(document_id.to_owned())) };
        if state.value.sha256.as_ref() == Some(&fingerprint.sha256) {
            return self.taken(path, document_id.to_owned(), true, state).await;
        }
        let purpose = Purpose::Replace { document_id, etag: etag.as_deref().unwrap_or(&state.text) };
        let key = idempotency_key(purpose, &filename(path), &fingerprint.sha256);
        let target = Target::Replace { document_id: document_id.to_owned(), if_match: etag };
        self.transfer(path, fingerprint, &target, &key, line).await?;
        Ok(Taken {
            document_id: document_id.to_owned(),
            was_there: false,
            state: Some(state),
            is_stale: true,
        })
    }

    /// Sends the content, provided that it still is what its key says.
    async fn transfer(
        &self,
        path: &Path,
        fingerprint: &Fingerprint,
        target: &Target,
        idempotency_key: &str,
        line: &Line<'_>,
    ) -> Result<Accepted, ClientError> {
        let headers = ContentHeaders {
            filename: filename(path),
            media_type: media_type_of(path),
            metadata: self.settings.metadata.clone(),
        };
        let content = FileContent {
            path: path.to_owned(),
            length_bytes: fingerprint.length_bytes,
            progress: line.sending(fingerprint.length_bytes),
        };
        let upload = UploadRequest { target, headers: &headers, idempotency_key, content };
        let outcome = if fingerprint.length_bytes > IN_ONE_BYTES_MAX {
            self.transfer_by_url(path, fingerprint, upload).await
        } else {
            self.client().upload(upload).await
        };
        fingerprint.check_unchanged(path)?;
        outcome
    }

    /// Sends a large content by URL, or in one request to a server that knows no other way.
    async fn transfer_by_url(
        &self,
        path: &Path,
        fingerprint: &Fingerprint,
        upload: UploadRequest<'_>,
    ) -> Result<Accepted, ClientError> {
        match self.client().upload_by_url(&upload, &fingerprint.sha256).await? {
            ByUrl::Accepted(accepted) => Ok(accepted),
            ByUrl::SentInOne => self.client().upload(upload).await,
            ByUrl::NotOffered => {
                let name = path.display();
                self.board.note(&format!(
                    "this server takes no uploads by URL, so {name} goes in one request, which it may refuse as too large"
                ));
                self.client().upload(upload).await
            }
        }
    }

    /// Waits for the document, if that is wanted, and says what became of it.
    async fn settle(&self, taken: Taken, line: &Line<'_>) -> Result<Ending, ClientError> {
        let was_there = taken.was_there;
        if !self.settings.wait {
            return Ok(match taken.state {
                Some(state) if !taken.is_stale => ending_now(was_there, &state.value),
                _ => Ending::Taken { was_there, status: "processing".into(), chunks: None },
            });
        }
        let mut following = Following::until_settled(self.client(), &taken.document_id);
        if let Some(before) = taken.state.as_ref().filter(|_| taken.is_stale) {
            following = following.changed_from(before);
        }
        let settled = self.settings.deadline.bound(following.run(|state| line.state(&state.value))).await?;
        Ok(match settled {
            Settled::Ready(state) | Settled::Unfinished(state) => ending_now(was_there, &state.value),
            Settled::Deleted { .. } => {
                let (status, reason) = ("deleted".into(), "deleted by somebody else meanwhile".into());
                Ending::Unfinished { status, reason }
            }
        })
    }

    fn client(&self) -> &Client {
        &self.session.client
    }
}

impl Taken {
    fn fresh(document_id: String) -> Self {
        Self { document_id, was_there: false, state: None, is_stale: false }
    }
}

fn ending_now(was_there: bool, state: &DocumentState) -> Ending {
    match state.status.as_str() {
        "failed" | "cancelled" => Ending::unfinished(state),
        status => Ending::Taken { was_there, status: status.to_owned(), chunks: state.progress.chunks_total },
    }
}

fn filename(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Whether the document was made before this run sent the file: as the server says, or else by its own clock. Its `Date`
/// is cut to the second, so that the moment of sending comes out too early rather than too late.
fn was_there_before(accepted: &Accepted, state: &DocumentState, took: Duration) -> bool {
    if let Some(replayed) = accepted.replayed {
        return replayed;
    }
    let created_at = state.created_at.as_deref().and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    let (Some(created_at), Some(answered_at)) = (created_at, accepted.answered_at) else { return false };
    let took = TimeDelta::from_std(took).unwrap_or(TimeDelta::MAX);
    answered_at.checked_sub_signed(took).is_some_and(|sent_at| created_at < sent_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(replayed: Option<bool>, answered_at: &str) -> Accepted {
        let answered_at = DateTime::parse_from_rfc3339(answered_at).ok().map(|time| time.to_utc());
        Accepted { document_id: "d-1".into(), replayed, answered_at }
    }

    #[test]
    fn a_document_made_before_it_was_sent_was_there() {
        let state =
            DocumentState { created_at: Some("2026-11-21T10:00:00Z".into()), ..DocumentState::default() };
        let before = |accepted, took| was_there_before(&accepted, &state, Duration::from_secs(took));
        assert!(before(accepted(None, "2026-11-21T10:05:00Z"), 10));
        assert!(!before(accepted(None, "2026-11-21T10:00:05Z"), 10));
        assert!(!before(accepted(None, "unknown"), 10));
        assert!(before(accepted(Some(true), "unknown"), 10), "the server's word counts");
        assert!(!before(accepted(Some(false), "2026-11-21T10:05:00Z"), 10), "the server's word counts");
    }
}
