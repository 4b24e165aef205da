//! Removes what a worker wrote under a generation after its purge had looked: it stood still while the document was
//! stopped, deleted or overtaken, wrote on, and perhaps died before it learned. Nothing of it is visible; this is about
//! room and about deleted being deleted.

use std::sync::Arc;

use millrace_domain::{Document, DocumentKey, Generation, Status};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, ErrorKind, PortError, StepKey};

use crate::documents::Documents;
use crate::index_spaces::IndexSpaces;
use crate::step::{Begun, Delivery, Steps};

/// How long a job waits while a purge is under way that may be past what the job's worker wrote.
const PURGE_WAIT_MS: u64 = 30_000;

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct Leftovers {
    /// The histories.
    pub documents: Documents,
    /// The claims.
    pub steps: Steps,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The index.
    pub index: IndexSpaces,
}

impl Leftovers {
    /// For a message that was delivered before: whoever had it may have died after it wrote into an index space that has been
    /// given up since, and before it looked.
    pub(crate) async fn tidy_repeated(&self, delivery: &Delivery) -> Result<(), PortError> {
        if delivery.receive_count < 2 && !delivery.redriven {
            return Ok(());
        }
        let key = delivery.key();
        let Some(document) = self.documents.load(&key).await? else { return Ok(()) };
        self.index.tidy_document(&key, &document.collection).await
    }

    /// The document refused what a worker had just written under a generation. Gives the document as it was found. An
    /// error, which may be that a purge is under way, means that the job has to come again.
    pub(crate) async fn withdraw(
        &self,
        key: &DocumentKey,
        generation: Generation,
    ) -> Result<Option<Document>, PortError> {
        let Some(document) = self.documents.load(key).await? else { return Ok(None) };
        if document.generation == generation && !document.status.is_gone() {
            self.remove_settled(key, &document).await?;
        } else if is_owed(&document, generation) {
            return Err(under_way());
        } else if !is_published(&document, generation) {
            self.remove_gone(key, &document, generation).await?;
        }
        Ok(Some(document))
    }

    /// Removes what a worker left under the current generation, if that was stopped.
    pub(crate) async fn remove_settled(
        &self,
        key: &DocumentKey,
        document: &Document,
    ) -> Result<(), PortError> {
        if !is_stopped(document) {
            return Ok(());
        }
        if is_owed(document, document.generation) {
            return Err(under_way());
        }
        self.withdraw_stopped(key, document).await
    }

    /// The generation may be retried. The retry's first step is claimed while the leftovers are removed: so the retry
    /// has either begun before, and then writes the same keys again and is left alone, or begins after. Contents stay:
    /// the retry uses them.
    async fn withdraw_stopped(&self, key: &DocumentKey, seen: &Document) -> Result<(), PortError> {
        let generation = seen.generation;
        let claim = match self.steps.begin(StepKey::ingest(key, generation, seen.retries + 1)).await? {
            Begun::Claimed(claim) => claim,
            Begun::Done => return Ok(()),
            // By the retry, or by somebody who was here for the same and died: it will be known when the job comes again.
            Begun::NotNow(_) => return Err(under_way()),
        };
        let removed = async {
            let Some(document) = self.documents.load(key).await? else { return Ok(()) };
            if is_stopped(&document) && document.generation == generation && document.retries == seen.retries
            {
                let only_at = Some(document.version);
                self.index.purge(key, &document.collection, Some(generation), only_at).await?;
            }
            Ok(())
        };
        let removed = removed.await;
        self.steps.release(&claim, false).await;
        removed
    }

    /// Removes the leftovers of a generation that will never be processed again: everything if the document is deleted.
    pub(crate) async fn remove_gone(
        &self,
        key: &DocumentKey,
        document: &Document,
        generation: Generation,
    ) -> Result<(), PortError> {
        if document.status == Status::Deleted {
            self.index.purge(key, &document.collection, None, None).await?;
            self.blobs.delete_prefix(&BlobPrefix::document(key)).await?;
            return Ok(());
        }
        self.index.purge(key, &document.collection, Some(generation), None).await?;
        self.blobs.delete_prefix(&BlobPrefix::chunks(key, generation)).await?;
        self.blobs.delete(&BlobKey::text(key, generation)).await?;
        Ok(())
    }
}

/// The purge counts what it finds, so nothing is taken from it; but it may be past what was written since. The job comes
/// again when it is done.
fn under_way() -> PortError {
    PortError::new(ErrorKind::Throttled, "remove leftovers of a generation that is being purged")
        .with_retry_after_ms(Some(PURGE_WAIT_MS))
}

/// Whether a purge is still to come to it, or at it.
fn is_owed(document: &Document, generation: Generation) -> bool {
    document.residue.iter().any(|residue| residue.generation == generation)
}

/// Whether the current generation may be retried.
fn is_stopped(document: &Document) -> bool {
    matches!(document.status, Status::Failed | Status::Cancelled)
}

fn is_published(document: &Document, generation: Generation) -> bool {
    document.published.is_some_and(|published| published.generation == generation)
}
