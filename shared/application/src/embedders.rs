//! The embedders of a deployment, found by their model: one for new collections, and further ones, for collections that have
//! another model, or are to get one.

use std::sync::Arc;

use millrace_domain::{Collection, ModelId, SpaceModel};
use millrace_ports::{Embedder, EmbeddingModel};

/// The models that a deployment can embed with, for whoever need not embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingModels {
    first: EmbeddingModel,
    further: Vec<EmbeddingModel>,
}

impl EmbeddingModels {
    /// The model of new collections alone.
    pub fn only(model: EmbeddingModel) -> Self {
        Self { first: model, further: Vec::new() }
    }

    /// And a further one. One that is there already changes nothing.
    #[must_use]
    pub fn with(mut self, model: EmbeddingModel) -> Self {
        if self.find(&model.id).is_none() {
            self.further.push(model);
        }
        self
    }

    /// The model of new collections.
    pub fn first(&self) -> &EmbeddingModel {
        &self.first
    }

    /// A model by its name.
    pub fn find(&self, id: &ModelId) -> Option<&EmbeddingModel> {
        self.all().find(|model| model.id == *id)
    }

    /// Whether a collection's vectors can be made: there is its model, with vectors of that length.
    pub fn serve(&self, collection: &Collection) -> bool {
        self.find(&collection.model).is_some_and(|model| model.dimensions == collection.dimensions)
    }

    /// All of them, that of new collections first.
    pub fn all(&self) -> impl Iterator<Item = &EmbeddingModel> {
        std::iter::once(&self.first).chain(&self.further)
    }

    /// Their names and lengths, for an error.
    pub(crate) fn names(&self) -> String {
        let names = self.all().map(|model| format!("{} ({} dimensions)", model.id, model.dimensions));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Embedders by their models.
#[derive(Debug, Clone)]
pub struct Embedders {
    first: Arc<dyn Embedder>,
    further: Vec<Arc<dyn Embedder>>,
}

impl Embedders {
    /// The embedder of new collections alone.
    pub fn only(embedder: Arc<dyn Embedder>) -> Self {
        Self { first: embedder, further: Vec::new() }
    }

    /// And a further one. One whose model is there already changes nothing.
    #[must_use]
    pub fn with(mut self, embedder: Arc<dyn Embedder>) -> Self {
        if self.models().find(&embedder.model().id).is_none() {
            self.further.push(embedder);
        }
        self
    }

    /// The embedder of new collections.
    pub fn first(&self) -> &Arc<dyn Embedder> {
        &self.first
    }

    /// Their models.
    pub fn models(&self) -> EmbeddingModels {
        let models = EmbeddingModels::only(self.first.model().clone());
        self.further.iter().fold(models, |models, embedder| models.with(embedder.model().clone()))
    }

    /// The embedder that makes the vectors of a space.
    pub(crate) fn of(&self, space: &SpaceModel) -> Option<&Arc<dyn Embedder>> {
        let fits = |embedder: &&Arc<dyn Embedder>| {
            let model = embedder.model();
            model.id == space.model && model.dimensions == space.dimensions
        };
        std::iter::once(&self.first).chain(&self.further).find(fits)
    }
}
