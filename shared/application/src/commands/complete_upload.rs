//! Completes an upload by URL: once the bytes are stored, the same path as that of a content that came in a request.
//! The client's own call, the store's notification and the sweeper all come here, in any order and number: one event.
//!
//! What makes it one: an append names the version up to which the history was searched for this upload, so an append in
//! between conflicts and the search begins anew. Nothing is refused before the history was searched, either.

use std::sync::Arc;

use millrace_domain::{Document, DocumentKey, Timestamp, UploadId, Version};
use millrace_ports::{BlobKey, BlobStore, ErrorKind, PortError, StoredBlob, UploadUrls};

use super::accept_content::{AcceptContent, AcceptError, Accepted, Description, Plan};
use crate::documents::ExecuteError;
use crate::pending_upload::PendingUpload;
use crate::upload_history::UploadHistory;

/// How often it is decided anew when others change the document in between.
const CONFLICTS_MAX: usize = 20;

/// The use case.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// What uploads share.
    pub accept: AcceptContent,
    /// Where accepted uploads are found.
    pub history: UploadHistory,
    /// Who knows what came in.
    pub urls: Arc<dyn UploadUrls>,
}

/// An upload whose content was accepted, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedUpload {
    /// The answer.
    pub accepted: Accepted,
    /// The name under which the content is kept.
    pub filename: String,
}

/// Why an upload was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The tenant started no such upload, or it was given up.
    #[error("upload does not exist")]
    NotFound,
    /// The bytes are not there yet.
    #[error("content of the upload was not received")]
    NotReceived,
    /// The bytes are not there, and the URL is no longer good.
    #[error("upload expired before its content was received")]
    Expired,
    /// What is stored is not what was announced.
    #[error("content is not the announced one")]
    Mismatch,
    /// The content is refused.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The content is accepted, and what comes behind that failed: its job is not sent, or the upload's record is still there.
    /// A client has its answer. A message comes again and catches up; without one the sweeper does.
    #[error("upload is completed, but something behind it is left to be done")]
    Unfinished {
        /// The answer.
        completed: Box<CompletedUpload>,
        /// What failed.
        #[source]
        error: PortError,
    },
}

impl From<PortError> for CompleteError {
    fn from(error: PortError) -> Self {
        Self::Accept(error.into())
    }
}

impl CompleteError {
    /// The port's failure behind it, after which the same call may succeed; anything else stays as it is unless the
    /// client puts its bytes.
    pub fn port_error(&self) -> Option<&PortError> {
        match self {
            Self::Accept(AcceptError::Port(error) | AcceptError::Execute(ExecuteError::Port(error))) => {
                Some(error)
            }
            Self::Unfinished { error, .. } => Some(error),
            Self::NotFound | Self::NotReceived | Self::Expired | Self::Mismatch | Self::Accept(_) => None,
        }
    }
}

impl CompleteUpload {
    /// Completes an upload, or gives the answer that it was completed with before.
    pub async fn run(&self, key: &DocumentKey, upload: UploadId) -> Result<CompletedUpload, CompleteError> {
        let blobs: &dyn BlobStore = &*self.accept.blobs;
        let Some(pending) = PendingUpload::find(blobs, key, upload).await? else {
            // The record goes after the job was sent, and a content that came in a request never had one. Sending again
            // here would double the work of every ordinary upload, whose content makes a notification, too.
            let found =
                self.history.find(key, upload, Version::NONE).await?.ok_or(CompleteError::NotFound)?;
            let accepted = Accepted { replayed: true, ..found.accepted };
            return Ok(CompletedUpload { accepted, ..found });
        };
        if let Some(accepted) = pending.answer {
            return self.replay(CompletedUpload { accepted, filename: pending.filename }).await;
        }
        let stored = self.urls.received(key, upload).await?;
        for _ in 0..CONFLICTS_MAX {
            if let Some(completed) = self.attempt(key, upload, &pending, stored.as_ref()).await? {
                return Ok(completed);
            }
        }
        Err(PortError::new(ErrorKind::Conflict, format!("complete upload {upload}")).into())
    }

    /// Searches the history and appends behind it; `None` if the document changed in between.
    async fn attempt(
        &self,
        key: &DocumentKey,
        upload: UploadId,
        pending: &PendingUpload,
        stored: Option<&StoredBlob>,
    ) -> Result<Option<CompletedUpload>, CompleteError> {
        let document = self.accept.documents.load(key).await?;
        if document.is_some() {
            let since = pending.replaces.unwrap_or(Version::NONE);
            if let Some(found) = self.history.find(key, upload, since).await? {
                let completed = self.replay(found).await?;
                return self.forget(key, upload, completed).await.map(Some);
            }
        }
        let stored = check(pending, stored, self.accept.documents.now())?;
        let if_version = expected_version(pending, document.as_ref())?;
        let collection_exists = self.accept.check_model(key, &pending.collection).await?;
        let plan = Plan { key: key.clone(), replaces: pending.replaces.is_some(), if_version };
        let description = description(pending, collection_exists);
        let stored = match self.accept.accept_stored(&plan, upload, &description, stored).await {
            Err(AcceptError::Execute(ExecuteError::VersionDiffers { .. })) => return Ok(None),
            stored => stored?,
        };
        let completed = CompletedUpload { accepted: stored.accepted, filename: pending.filename.clone() };
        if !stored.used {
            self.remember(key, upload, pending, &completed.accepted).await?;
            return Ok(Some(completed));
        }
        let completed = finished(completed, stored.sent)?;
        self.forget(key, upload, completed).await.map(Some)
    }

    async fn replay(&self, completed: CompletedUpload) -> Result<CompletedUpload, CompleteError> {
        let sent = self.accept.send_again(&completed.accepted).await;
        let accepted = Accepted { replayed: true, ..completed.accepted };
        finished(CompletedUpload { accepted, ..completed }, sent)
    }

    /// Removes the record of an accepted upload. Nothing is decided by it any more; if that fails, a repetition finds the
    /// upload in the history and removes the record then.
    async fn forget(
        &self,
        key: &DocumentKey,
        upload: UploadId,
        completed: CompletedUpload,
    ) -> Result<CompletedUpload, CompleteError> {
        let removed = self.accept.blobs.delete(&BlobKey::pending(key, upload)).await;
        finished(completed, removed.map(drop))
    }

    /// A content equal to the document's current one makes no event that would tell a repetition the answer, and is not
    /// needed. The record goes first: without it a crash in between would make the content a lost one.
    async fn remember(
        &self,
        key: &DocumentKey,
        upload: UploadId,
        pending: &PendingUpload,
        accepted: &Accepted,
    ) -> Result<(), PortError> {
        let blobs: &dyn BlobStore = &*self.accept.blobs;
        let record = PendingUpload { answer: Some(accepted.clone()), ..pending.clone() };
        record.save(blobs, key, upload).await?;
        blobs.delete(&BlobKey::source(key, upload)).await.map(drop)
    }
}

/// A completed upload, if what comes behind it succeeded, too.
fn finished(
    completed: CompletedUpload,
    behind: Result<(), PortError>,
) -> Result<CompletedUpload, CompleteError> {
    match behind {
        Ok(()) => Ok(completed),
        Err(error) => Err(CompleteError::Unfinished { completed: Box::new(completed), error }),
    }
}

/// Holds what came in to what was announced.
fn check<'a>(
    pending: &PendingUpload,
    stored: Option<&'a StoredBlob>,
    now: Timestamp,
) -> Result<&'a StoredBlob, CompleteError> {
    match stored {
        None if now >= pending.expires_at => Err(CompleteError::Expired),
        None => Err(CompleteError::NotReceived),
        Some(stored) if stored.size != pending.size || stored.sha256 != pending.sha256 => {
            Err(CompleteError::Mismatch)
        }
        Some(stored) => Ok(stored),
    }
}

/// The version on which the event must be appended: that up to which the history was searched. A new document has none;
/// there its own existence is the fence.
fn expected_version(
    pending: &PendingUpload,
    document: Option<&Document>,
) -> Result<Option<Version>, AcceptError> {
    let current = document.map_or(Version::NONE, |document| document.version);
    match pending.if_version {
        Some(wanted) if wanted != current => Err(ExecuteError::VersionDiffers { current }.into()),
        _ => Ok(pending.replaces.map(|_| current)),
    }
}

fn description(pending: &PendingUpload, collection_exists: bool) -> Description {
    Description {
        collection: pending.collection.clone(),
        collection_exists,
        filename: pending.filename.clone(),
        declared_media_type: pending.declared_media_type.clone(),
        metadata: pending.metadata.clone(),
        idempotency_key: pending.idempotency_key.clone(),
        trace: pending.trace.clone(),
    }
}
