//! Sets the move of a collection to another model in motion. The work is the saga's; here it is only written down.

use std::sync::Arc;

use millrace_domain::{CollectionName, ModelId, ReembeddingRefused, TenantId, Trace};
use millrace_ports::{PortError, ReadModel};

use crate::embedders::EmbeddingModels;
use crate::queries::CollectionState;
use crate::reembeddings::Reembeddings;
use crate::sagas::count_documents;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ReembedRequest {
    /// Whose collection.
    pub tenant_id: TenantId,
    /// Which.
    pub collection: CollectionName,
    /// Under which model; without one, that of new collections.
    pub model: Option<ModelId>,
    /// Where the request came from.
    pub trace: Trace,
}

/// Why a re-embedding is not started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReembeddingError {
    /// There is no such collection.
    #[error("collection {0} does not exist")]
    NotFound(CollectionName),
    /// No embedder has this model.
    #[error("model {model} is not configured here, only {known}")]
    UnknownModel {
        /// What was asked for.
        model: ModelId,
        /// What there is.
        known: String,
    },
    /// The collection's state does not permit it.
    #[error(transparent)]
    Refused(#[from] ReembeddingRefused),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The use case.
#[derive(Debug, Clone)]
pub struct StartReembedding {
    /// The records.
    pub reembeddings: Reembeddings,
    /// The models that vectors can be made with.
    pub models: EmbeddingModels,
    /// How many documents there are.
    pub views: Arc<dyn ReadModel>,
}

impl StartReembedding {
    /// Starts it; gives the collection with the saga under way.
    pub async fn run(&self, request: ReembedRequest) -> Result<CollectionState, ReembeddingError> {
        let model = match &request.model {
            None => self.models.first(),
            Some(model) => self.models.find(model).ok_or_else(|| ReembeddingError::UnknownModel {
                model: model.clone(),
                known: self.models.names(),
            })?,
        };
        let (tenant, name) = (&request.tenant_id, &request.collection);
        let documents = count_documents(&*self.views, tenant, name).await?;
        let at = self.reembeddings.clock.now();
        let started = self.reembeddings.change(tenant, name, |collection| {
            let model = (model.id.clone(), model.dimensions);
            let started = collection.start_reembedding(model, documents, request.trace.clone(), at);
            started.map(Some).map_err(ReembeddingError::from)
        });
        let collection = started.await?.ok_or_else(|| ReembeddingError::NotFound(name.clone()))?;
        tracing::info!(
            collection = %name, model = %model.id, documents,
            correlation.id = %request.trace.correlation_id, "re-embedding started"
        );
        Ok(CollectionState { collection, documents })
    }
}
