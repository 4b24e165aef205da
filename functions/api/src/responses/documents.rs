//! One page of a list of documents.

use millrace_ports::Page;
use schemars::JsonSchema;
use serde::Serialize;

use super::DocumentResponse;
use crate::paging::after_document;

/// Documents, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DocumentPage")]
pub(crate) struct DocumentsResponse {
    documents: Vec<DocumentResponse>,
    /// To be passed as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<Page> for DocumentsResponse {
    fn from(page: Page) -> Self {
        let documents =
            page.views.into_iter().map(|view| DocumentResponse::of(view.key.document_id, view.document));
        Self { documents: documents.collect(), next_cursor: page.next.map(after_document) }
    }
}
