//! The re-embedding saga: a collection moves to another model. State, in the collection's record: which step, and up to which
//! document. Steps: build beside, settle, verify, switch, settle, drop the old; compensation: settle, drop the new. Each call
//! moves every saga on by a bounded slice. What it does may be repeated, and each transition is a compare-and-swap: so its
//! crash between any two effects, or two of it at once, do no harm.
//!
//! The vectors themselves are made by the embed-worker (`ReembedBatch`). Nothing here waits for a worker by blocking.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::try_join_all;
use millrace_domain::{
    Collection, CollectionName, Document, DocumentId, DocumentKey, Reembedding, ReembeddingStepName, TenantId,
};
use millrace_ports::{BlobStore, ErrorKind, IdGenerator, JobLedger, PortError, ReadModel};

use super::compared_spaces::{ComparedSpaces, count_documents};
use crate::documents::Documents;
use crate::index_spaces::IndexSpaces;
use crate::jobs::Jobs;
use crate::reembeddings::Reembeddings;

/// Most sagas that one call moves on.
const SAGAS_MAX: usize = 100;
/// Most pages of documents of one slice, if the clock does not end it before.
const PAGES_MAX: usize = 50;
/// How many documents are looked at at once.
const CONCURRENCY: usize = 8;

/// Bounds of the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReembedPolicy {
    /// How long to wait, in milliseconds, until whoever began before a change of the record has ended, so that there is little
    /// left to repeat; what is appended is right without it, since workers look at the record again before they append. And
    /// until the index of documents by collection shows what was uploaded before the saga, which on AWS takes a moment.
    pub settle_ms: u64,
    /// How long one slice may take, in milliseconds.
    pub slice_ms: u64,
    /// After how long a call begins no further saga, in milliseconds; the next call begins with another one.
    pub call_ms: u64,
    /// Documents of one page.
    pub page: usize,
}

impl Default for ReembedPolicy {
    /// A step's lease and half a minute; ten seconds; a minute; a hundred documents.
    fn default() -> Self {
        Self { settle_ms: 330_000, slice_ms: 10_000, call_ms: 60_000, page: 100 }
    }
}

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct AdvanceReembeddings {
    /// The histories.
    pub documents: Documents,
    /// The counts, which only say how much there is to do.
    pub views: Arc<dyn ReadModel>,
    /// The index.
    pub index: IndexSpaces,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The queues.
    pub jobs: Jobs,
    /// Remembers what was sent when.
    pub ledger: Arc<dyn JobLedger>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
    /// The records.
    pub reembeddings: Reembeddings,
    /// The bounds.
    pub policy: ReembedPolicy,
}

/// What became of a document that a step looked at.
enum Visit {
    /// The step is done with it.
    Done,
    /// Its time has not come.
    Waiting,
    /// Something was sent again.
    SentAgain,
}

impl AdvanceReembeddings {
    /// Moves all sagas on, and says how many are under way. A failure of one does not hold up the others.
    pub async fn run(&self) -> Result<usize, PortError> {
        let mut sagas = self.reembeddings.collections.under_reembedding(SAGAS_MAX).await?;
        let begun = self.documents.now();
        let turn = begun.as_millis().unsigned_abs() / self.policy.slice_ms.max(1);
        let first = usize::try_from(turn).unwrap_or(0) % sagas.len().max(1);
        sagas.rotate_left(first);
        let mut failed = None;
        for (tenant, name) in &sagas {
            if self.documents.now().millis_since(begun) >= self.policy.call_ms {
                break;
            }
            match self.advance(tenant, name).await {
                Ok(()) => {}
                // Another sweep is at it, or the operator has aborted it.
                Err(error) if error.kind == ErrorKind::Conflict => {}
                Err(error) => {
                    tracing::warn!(collection = %name, %error, "re-embedding not moved on, the next sweep tries again");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(sagas.len()), Err)
    }

    /// One slice of one saga: until it has to wait, has ended, or the time is over.
    async fn advance(&self, tenant: &TenantId, name: &CollectionName) -> Result<(), PortError> {
        let started = self.documents.now();
        for _ in 0..PAGES_MAX {
            let Some(collection) = self.reembeddings.collections.get(tenant, name).await? else {
                return Ok(());
            };
            let Some(saga) = collection.reembedding.clone() else { return Ok(()) };
            let Some(step) = saga.step().cloned() else { return Ok(()) };
            let goes_on = if step.step.visits_documents() {
                self.visit_page(collection, &saga, step.step).await?
            } else if self.documents.now().millis_since(step.started_at) >= self.policy.settle_ms {
                self.end_step(collection, step.step).await?;
                true
            } else {
                false
            };
            if !goes_on || self.documents.now().millis_since(started) >= self.policy.slice_ms {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks at the documents of one page. Says whether there is more to do now.
    async fn visit_page(
        &self,
        collection: Collection,
        saga: &Reembedding,
        step: ReembeddingStepName,
    ) -> Result<bool, PortError> {
        let (tenant, name) = (&collection.tenant_id, &collection.name);
        let ids = self.documents.of_collection(tenant, name, saga.cursor, self.policy.page).await?;
        let mut visits = Vec::with_capacity(ids.len());
        for some in ids.chunks(CONCURRENCY) {
            let mut visiting = Vec::with_capacity(some.len());
            for id in some {
                visiting.push(self.visit(&collection, saga, step, *id).boxed());
            }
            visits.extend(try_join_all(visiting).await?);
        }
        let done = visits.iter().take_while(|visit| matches!(visit, Visit::Done)).count();
        let sent_again = visits.iter().any(|visit| matches!(visit, Visit::SentAgain));
        if done == ids.len() && ids.len() < self.policy.page {
            self.end_step(collection, step).await?;
            return Ok(true);
        }
        let mut changed = collection.clone();
        if let Some(last) = done.checked_sub(1).map(|at| ids[at]) {
            changed = changed.visit_documents(last, done as u64);
        }
        if sent_again {
            changed = changed.count_attempt();
        }
        if changed != collection {
            self.reembeddings.collections.replace(changed).await?;
        }
        Ok(done == ids.len())
    }

    async fn visit(
        &self,
        collection: &Collection,
        saga: &Reembedding,
        step: ReembeddingStepName,
        document_id: DocumentId,
    ) -> Result<Visit, PortError> {
        let key = DocumentKey { tenant_id: collection.tenant_id.clone(), document_id };
        let Some(document) = self.documents.load(&key).await? else { return Ok(Visit::Done) };
        let spaces = self.spaces();
        match step {
            ReembeddingStepName::Build => {
                spaces.send(&key, &document, saga).await?;
                Ok(Visit::Done)
            }
            ReembeddingStepName::Verify => self.compare(&spaces, (&key, &document), collection, saga).await,
            ReembeddingStepName::DropOld => {
                match self.compare(&spaces, (&key, &document), collection, saga).await? {
                    Visit::Done => drop_visit(spaces.drop_from(&key, collection, saga.from.space).await?),
                    waiting => Ok(waiting),
                }
            }
            ReembeddingStepName::DropNew => {
                drop_visit(spaces.drop_from(&key, collection, saga.to.space).await?)
            }
            ReembeddingStepName::SettleWriters
            | ReembeddingStepName::Switch
            | ReembeddingStepName::SettleReaders
            | ReembeddingStepName::SettleStopped => Ok(Visit::Done),
        }
    }

    async fn compare(
        &self,
        spaces: &ComparedSpaces,
        (key, document): (&DocumentKey, &Document),
        collection: &Collection,
        saga: &Reembedding,
    ) -> Result<Visit, PortError> {
        if spaces.is_whole(key, document, collection, saga).await? {
            return Ok(Visit::Done);
        }
        Ok(if spaces.send(key, document, saga).await? { Visit::SentAgain } else { Visit::Waiting })
    }

    async fn end_step(&self, collection: Collection, step: ReembeddingStepName) -> Result<(), PortError> {
        let total = count_documents(&*self.views, &collection.tenant_id, &collection.name).await?;
        let (name, at) = (collection.name.clone(), self.documents.now());
        let stored = self.reembeddings.collections.replace(collection.end_step(total, at)).await?;
        let ended = stored.last_reembedding.as_ref().filter(|_| stored.reembedding.is_none());
        match ended {
            None => {
                tracing::info!(collection = %name, %step, model = %stored.model, "step of a re-embedding done")
            }
            Some(saga) => {
                let duration_ms = at.millis_since(saga.started_at);
                tracing::info!(
                    collection = %name, status = %saga.status(), model = %stored.model, duration_ms,
                    "re-embedding ended"
                );
            }
        }
        Ok(())
    }

    fn spaces(&self) -> ComparedSpaces {
        ComparedSpaces {
            index: self.index.clone(),
            blobs: self.blobs.clone(),
            jobs: self.jobs.clone(),
            ledger: self.ledger.clone(),
            ids: self.ids.clone(),
        }
    }
}

fn drop_visit(nothing_left: bool) -> Result<Visit, PortError> {
    Ok(if nothing_left { Visit::Done } else { Visit::Waiting })
}
