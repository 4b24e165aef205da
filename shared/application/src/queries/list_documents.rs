//! Documents of a tenant, newest first, page by page; from the read model, a moment behind the history.

use std::sync::Arc;

use millrace_ports::{ListQuery, PAGE_LIMIT_MAX, Page, PortError, ReadModel};

/// The use case.
#[derive(Debug, Clone)]
pub struct ListDocuments {
    views: Arc<dyn ReadModel>,
}

impl ListDocuments {
    /// Listing from a read model.
    pub fn new(views: Arc<dyn ReadModel>) -> Self {
        Self { views }
    }

    /// One page. A limit beyond `PAGE_LIMIT_MAX` is cut to it.
    pub async fn run(&self, query: ListQuery) -> Result<Page, PortError> {
        let limit = query.limit.clamp(1, PAGE_LIMIT_MAX);
        self.views.list(&ListQuery { limit, ..query }).await
    }
}
