//! The operations, one file each: handler and description side by side.

mod abort_reembedding;
mod asyncapi;
mod cancel_ingestion;
mod complete_upload;
mod delete_document;
mod get_collection;
mod get_document;
mod healthz;
mod inspect_queues;
mod list_collections;
mod list_dead_letters;
mod list_documents;
mod openapi;
mod read_chunks;
mod read_content;
mod read_timeline;
mod receive_upload;
mod redrive_dead_letters;
mod replace_document;
mod retry_ingestion;
mod search;
mod start_reembedding;
mod start_upload;
mod stats;
mod upload_document;

use crate::operation::Operation;

/// Every operation there is.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        upload_document::operation(),
        start_upload::operation(),
        receive_upload::operation(),
        complete_upload::operation(),
        list_documents::operation(),
        get_document::operation(),
        replace_document::operation(),
        delete_document::operation(),
        read_timeline::operation(),
        read_chunks::operation(),
        read_content::operation(),
        cancel_ingestion::operation(),
        retry_ingestion::operation(),
        search::operation(),
        list_collections::operation(),
        get_collection::operation(),
        start_reembedding::operation(),
        abort_reembedding::operation(),
        stats::operation(),
        inspect_queues::operation(),
        list_dead_letters::operation(),
        redrive_dead_letters::operation(),
        healthz::operation(),
        openapi::operation(),
        asyncapi::operation(),
    ]
}
