//! Stops the move of a collection to another model, as long as searches do not use it: the saga takes back what was built.

use std::sync::Arc;

use millrace_domain::{CollectionName, TenantId};
use millrace_ports::ReadModel;

use super::start_reembedding::ReembeddingError;
use crate::queries::CollectionState;
use crate::reembeddings::Reembeddings;
use crate::sagas::count_documents;

/// The use case.
#[derive(Debug, Clone)]
pub struct AbortReembedding {
    reembeddings: Reembeddings,
    views: Arc<dyn ReadModel>,
}

impl AbortReembedding {
    /// Stopping what these records say is under way.
    pub fn new(reembeddings: Reembeddings, views: Arc<dyn ReadModel>) -> Self {
        Self { reembeddings, views }
    }

    /// Asks for the stop; gives the collection with the saga that compensates. Asking again gives the same.
    pub async fn run(
        &self,
        tenant: &TenantId,
        name: &CollectionName,
    ) -> Result<CollectionState, ReembeddingError> {
        let at = self.reembeddings.clock.now();
        let aborted = self.reembeddings.change(tenant, name, |collection| {
            let before = collection.clone();
            let after = collection.abort_reembedding(at).map_err(ReembeddingError::from)?;
            Ok::<_, ReembeddingError>((after != before).then_some(after))
        });
        let collection = aborted.await?.ok_or_else(|| ReembeddingError::NotFound(name.clone()))?;
        let documents = count_documents(&*self.views, tenant, name).await?;
        Ok(CollectionState { collection, documents })
    }
}
