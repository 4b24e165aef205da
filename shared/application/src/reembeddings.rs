//! Changes of a collection's record in the course of a re-embedding, by compare-and-swap: whoever is second looks again and
//! decides anew. Which changes there are is the domain's business.

use std::sync::Arc;

use millrace_domain::{
    Collection, CollectionName, ErrorCode, IndexSpace, ReembeddingFailure, ReembeddingStatus, TenantId,
};
use millrace_ports::{Clock, CollectionStore, ErrorKind, PortError};

/// How often a change is decided anew because somebody else changed the record first.
const CONFLICTS_MAX: usize = 10;

/// The most of a reason that is kept, in bytes; a record stays small.
const REASON_BYTES_MAX: usize = 300;

/// The records, and the time to put into them.
#[derive(Debug, Clone)]
pub struct Reembeddings {
    pub(crate) collections: Arc<dyn CollectionStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reembeddings {
    /// Re-embeddings in a store of collections.
    pub fn new(collections: Arc<dyn CollectionStore>, clock: Arc<dyn Clock>) -> Self {
        Self { collections, clock }
    }

    /// Changes a record as `decide` says; `None` of it changes nothing. Gives what is stored afterwards, `None` if there is
    /// no such collection.
    pub(crate) async fn change<E: From<PortError>>(
        &self,
        tenant: &TenantId,
        name: &CollectionName,
        decide: impl Fn(Collection) -> Result<Option<Collection>, E>,
    ) -> Result<Option<Collection>, E> {
        let mut conflict = None;
        for _ in 0..CONFLICTS_MAX {
            let Some(found) = self.collections.get(tenant, name).await? else { return Ok(None) };
            let Some(changed) = decide(found.clone())? else { return Ok(Some(found)) };
            match self.collections.replace(changed).await {
                Ok(stored) => return Ok(Some(stored)),
                Err(error) if error.kind == ErrorKind::Conflict => conflict = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(conflict.expect("the loop ended on a conflict").into())
    }

    /// Gives up the saga that builds a space, if it may still be given up. After the switch it notes what holds the saga up: then
    /// its status is still `Running`. Of another saga nothing changes. Gives the status afterwards, of a saga under way.
    pub(crate) async fn fail(
        &self,
        tenant: &TenantId,
        name: &CollectionName,
        space: IndexSpace,
        failure: ReembeddingFailure,
    ) -> Result<Option<ReembeddingStatus>, PortError> {
        let at = self.clock.now();
        let stored = self.change(tenant, name, |collection| {
            let is_of_space = collection.reembedding.as_ref().is_some_and(|saga| saga.to.space == space);
            let builds = collection.building().is_some_and(|building| building.space == space);
            let changed = match (is_of_space, builds) {
                (_, true) => collection.fail_reembedding(failure.clone(), at),
                (true, false) => collection.hold_up_reembedding(failure.clone()),
                (false, false) => None,
            };
            Ok::<_, PortError>(changed)
        });
        let status = stored.await?.and_then(|stored| stored.reembedding).map(|saga| saga.status());
        tracing::warn!(
            collection = %name, status = status.map(ReembeddingStatus::as_str), document.id = ?failure.document_id,
            error_code = %failure.error_code, reason = failure.reason, "a document cannot be re-embedded"
        );
        Ok(status)
    }
}

/// A failure at a document.
pub(crate) fn failure(
    error_code: ErrorCode,
    reason: &str,
    document: &millrace_domain::DocumentKey,
) -> ReembeddingFailure {
    let end = (0..=reason.len().min(REASON_BYTES_MAX)).rev().find(|end| reason.is_char_boundary(*end));
    let reason = reason[..end.unwrap_or_default()].to_owned();
    ReembeddingFailure { error_code, reason, document_id: Some(document.document_id) }
}
