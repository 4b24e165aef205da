//! The operations, one file each: handler and description side by side.

mod asyncapi;
mod cancel_ingestion;
mod delete_document;
mod get_document;
mod healthz;
mod inspect_queues;
mod list_documents;
mod openapi;
mod read_chunks;
mod read_content;
mod read_timeline;
mod replace_document;
mod retry_ingestion;
mod search;
mod stats;
mod upload_document;

use crate::operation::Operation;

/// Every operation there is.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        upload_document::operation(),
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
        stats::operation(),
        inspect_queues::operation(),
        healthz::operation(),
        openapi::operation(),
        asyncapi::operation(),
    ]
}
