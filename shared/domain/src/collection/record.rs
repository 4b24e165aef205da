//! The record of a collection.

use serde::{Deserialize, Serialize};

use super::{Reembedding, SpaceModel};
use crate::{CollectionName, IndexSpace, ModelId, Revision, TenantId, Timestamp};

/// A collection, and the model all vectors that searches see of it come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: CollectionName,
    /// The model.
    pub model: ModelId,
    /// Length of its vectors.
    pub dimensions: u16,
    /// When it was first used.
    pub created_at: Timestamp,
    /// Where the entries are that searches see.
    #[serde(default)]
    pub space: IndexSpace,
    /// How often the record was replaced; the store counts.
    #[serde(default)]
    pub revision: Revision,
    /// The move to another model that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reembedding: Option<Reembedding>,
    /// The last one that came to its end, however it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reembedding: Option<Reembedding>,
}

impl Collection {
    /// A collection that is used for the first time.
    pub fn new(
        tenant_id: TenantId,
        name: CollectionName,
        (model, dimensions): (ModelId, u16),
        created_at: Timestamp,
    ) -> Self {
        Self {
            tenant_id,
            name,
            model,
            dimensions,
            created_at,
            space: IndexSpace::FIRST,
            revision: Revision::default(),
            reembedding: None,
            last_reembedding: None,
        }
    }

    /// The space that searches see, and its model.
    pub fn current(&self) -> SpaceModel {
        SpaceModel { space: self.space, model: self.model.clone(), dimensions: self.dimensions }
    }

    /// The space that is being built beside it, and its model.
    pub fn building(&self) -> Option<&SpaceModel> {
        self.reembedding.as_ref().filter(|saga| saga.is_building()).map(|saga| &saga.to)
    }

    /// Where a worker writes, in this order: first what is being built, so that at no instant it holds less of a worker's
    /// output than the space that searches see.
    pub fn written_spaces(&self) -> Vec<SpaceModel> {
        self.building().cloned().into_iter().chain([self.current()]).collect()
    }

    /// Whether workers write into a space. Once they do not, they never will again, for its number is not used twice.
    pub fn writes_into(&self, space: IndexSpace) -> bool {
        self.space == space || self.building().is_some_and(|building| building.space == space)
    }

    /// The highest number of a space that was ever used.
    pub fn last_space(&self) -> IndexSpace {
        let sagas = self.reembedding.iter().chain(&self.last_reembedding);
        sagas.map(|saga| saga.to.space).chain([self.space]).max().unwrap_or_default()
    }

    /// Every space that may hold anything: all that were ever used. A worker that stood still for long may have left
    /// something anywhere, and they are few.
    pub fn all_spaces(&self) -> impl Iterator<Item = IndexSpace> + use<> {
        (IndexSpace::FIRST.get()..=self.last_space().get()).map(IndexSpace::new)
    }
}
