//! The search index as workers use it: a collection's entries lie in one index space, and while it moves to another model in
//! two. Here it is known which; the steps and the sagas only say of which collection something is. Nothing is cached: a
//! worker asks at its start, and once more before it makes what it wrote count.

use std::sync::Arc;

use millrace_domain::{Collection, CollectionName, DocumentKey, Generation, IndexSpace, SpaceModel, Version};
use millrace_ports::{
    CollectionStore, ErrorKind, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, PortError,
    SearchIndex,
};

/// An index, and which of its spaces each collection has.
#[derive(Debug, Clone)]
pub struct IndexSpaces {
    index: Arc<dyn SearchIndex>,
    collections: Arc<dyn CollectionStore>,
}

/// What a worker found at its start, and keeps to.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    key: DocumentKey,
    name: CollectionName,
    collection: Option<Collection>,
}

impl Writing {
    /// The numbers of the spaces to write into, that of searches last; what is built must never be behind it.
    fn spaces(&self) -> Vec<IndexSpace> {
        let spaces = self.collection.as_ref().map(Collection::written_spaces).unwrap_or_default();
        if spaces.is_empty() {
            return vec![IndexSpace::FIRST];
        }
        spaces.iter().map(|space| space.space).collect()
    }

    /// The space that is being built.
    pub(crate) fn building(&self) -> Option<&SpaceModel> {
        self.collection.as_ref().and_then(Collection::building)
    }

    /// The space that searches see, as it was then. None of a collection without a record: then it is the first.
    pub(crate) fn current(&self) -> Option<SpaceModel> {
        self.collection.as_ref().map(Collection::current)
    }

    /// The entries of a generation in a space.
    pub(crate) fn target(&self, space: IndexSpace, generation: Generation) -> IndexTarget {
        IndexTarget { key: self.key.clone(), collection: self.name.in_space(space), generation }
    }
}

impl IndexSpaces {
    /// The spaces of an index.
    pub fn new(index: Arc<dyn SearchIndex>, collections: Arc<dyn CollectionStore>) -> Self {
        Self { index, collections }
    }

    /// The records that say which spaces there are.
    pub(crate) fn collections(&self) -> &Arc<dyn CollectionStore> {
        &self.collections
    }

    /// The index itself.
    pub(crate) fn index(&self) -> &dyn SearchIndex {
        &*self.index
    }

    /// Where a worker has to write what it is about to make of a document.
    pub(crate) async fn begin(&self, key: &DocumentKey, name: &CollectionName) -> Result<Writing, PortError> {
        let collection = self.collections.get(&key.tenant_id, name).await?;
        Ok(Writing { key: key.clone(), name: name.clone(), collection })
    }

    /// Writes words into all spaces.
    pub(crate) async fn put_words(
        &self,
        writing: &Writing,
        document: &IndexedDocument,
        chunks: &[IndexedChunk],
    ) -> Result<(), PortError> {
        for space in writing.spaces() {
            let target = writing.target(space, document.target.generation);
            self.index.put_words(&IndexedDocument { target, ..document.clone() }, chunks).await?;
        }
        Ok(())
    }

    /// Asks before the append whether what was written lies where it now has to lie. If not, it is `Conflict`, which spends
    /// no attempt, and the step begins anew. What was written where nobody writes any more is removed either way.
    ///
    /// Whoever passes here wrote everything before it asked. So what it appends is in every space that was written into when
    /// it asked; and a space that begins to be built later is compared with what lies in this one by then.
    pub(crate) async fn confirm(&self, writing: &Writing) -> Result<Writing, PortError> {
        let now = self.begin(&writing.key, &writing.name).await?;
        let written = writing.spaces();
        let wanted = now.spaces();
        if written.iter().any(|space| !wanted.contains(space)) {
            self.tidy(&writing.key, &now).await?;
        }
        if wanted.iter().all(|space| written.contains(space)) {
            return Ok(now);
        }
        let attempted = format!("confirm the index spaces of collection {}", writing.name);
        Err(PortError::new(ErrorKind::Conflict, attempted))
    }

    /// Removes what an earlier attempt at a step may have left of a document where nobody writes any more: it stood still,
    /// wrote, and died before it could ask.
    pub(crate) async fn tidy_document(
        &self,
        key: &DocumentKey,
        name: &CollectionName,
    ) -> Result<(), PortError> {
        let now = self.begin(key, name).await?;
        self.tidy(key, &now).await
    }

    /// A space into which nobody writes any more is never written into again, so this takes nothing from anybody. But the old
    /// one stays as it is while searches may be in it; the saga drops it after them.
    async fn tidy(&self, key: &DocumentKey, now: &Writing) -> Result<(), PortError> {
        let Some(collection) = &now.collection else { return Ok(()) };
        let read = collection.reembedding.as_ref().filter(|saga| saga.is_settling_readers());
        let read = read.map(|saga| saga.from.space);
        let unused =
            collection.all_spaces().filter(|space| !collection.writes_into(*space) && Some(*space) != read);
        for space in unused {
            self.index.purge(key, &now.name.in_space(space), None, None).await?;
        }
        Ok(())
    }

    /// Removes one generation, or all, from every space there ever was, and says what was removed.
    pub(crate) async fn purge(
        &self,
        key: &DocumentKey,
        name: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        let mut removed = IndexUsage::default();
        for space in self.all(key, name).await? {
            let of_space = self.index.purge(key, &name.in_space(space), generation, only_at).await?;
            add(&mut removed, of_space);
        }
        Ok(removed)
    }

    /// Counts what one generation, or all, has in every space there ever was.
    pub(crate) async fn usage(
        &self,
        key: &DocumentKey,
        name: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        let mut usage = IndexUsage::default();
        for space in self.all(key, name).await? {
            add(&mut usage, self.index.usage(key, &name.in_space(space), generation).await?);
        }
        Ok(usage)
    }

    async fn all(&self, key: &DocumentKey, name: &CollectionName) -> Result<Vec<IndexSpace>, PortError> {
        let collection = self.collections.get(&key.tenant_id, name).await?;
        Ok(collection.map_or_else(|| vec![IndexSpace::FIRST], |collection| collection.all_spaces().collect()))
    }
}

fn add(sum: &mut IndexUsage, usage: IndexUsage) {
    sum.chunks += usage.chunks;
    sum.vectors += usage.vectors;
}
