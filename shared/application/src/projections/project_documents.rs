//! Keeps the list view of documents. An event that is next in line is folded into the stored view without a call back;
//! one that was seen is skipped; a gap (events arrive out of order) is closed from the history.

use std::sync::Arc;

use millrace_domain::{EventEnvelope, evolve};
use millrace_ports::{DocumentView, PortError, ReadModel};

use crate::documents::Documents;

/// The projection.
#[derive(Debug, Clone)]
pub struct ProjectDocuments {
    documents: Documents,
    views: Arc<dyn ReadModel>,
}

impl ProjectDocuments {
    /// Projecting into a read model.
    pub fn new(documents: Documents, views: Arc<dyn ReadModel>) -> Self {
        Self { documents, views }
    }

    /// Takes one event.
    pub async fn run(&self, envelope: &EventEnvelope) -> Result<(), PortError> {
        let key = envelope.key();
        let stored = self.views.get(&key).await?.map(|view| view.document);
        let seen = stored.as_ref().map_or(0, |document| document.version.get());
        if envelope.sequence.get() <= seen {
            return Ok(());
        }
        let document = if envelope.sequence.get() == seen + 1 {
            Some(evolve(stored, &envelope.event, envelope.time))
        } else {
            self.documents.load(&key).await?
        };
        match document {
            Some(document) => self.views.save(&[DocumentView { key, document }]).await,
            None => Ok(()),
        }
    }
}
