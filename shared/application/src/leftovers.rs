//! Removes what a worker wrote under a generation after its purge had looked: it stood still while the document was
//! deleted or overtaken, wrote on, and perhaps died before it learned. Nothing of it is visible; this is about room and
//! about deleted being deleted. Generations that may still be retried are not its business.

use millrace_domain::{Document, DocumentKey, Generation, Status};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, PortError, SearchIndex};

/// Whether what is stored of a generation is in use: queries see it, or it is being processed.
pub(crate) fn is_wanted(document: &Document, generation: Generation) -> bool {
    let published = document.published.is_some_and(|published| published.generation == generation);
    published || document.is_processing(generation)
}

/// Removes the leftovers of a generation that will never be processed again: everything if the document is deleted.
pub(crate) async fn remove_leftovers(
    index: &dyn SearchIndex,
    blobs: &dyn BlobStore,
    key: &DocumentKey,
    document: &Document,
    generation: Generation,
) -> Result<(), PortError> {
    if document.status == Status::Deleted {
        index.purge(key, &document.collection, None).await?;
        blobs.delete_prefix(&BlobPrefix::document(key)).await?;
        return Ok(());
    }
    index.purge(key, &document.collection, Some(generation)).await?;
    blobs.delete_prefix(&BlobPrefix::chunks(key, generation)).await?;
    blobs.delete(&BlobKey::text(key, generation)).await?;
    Ok(())
}
