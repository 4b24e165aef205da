//! Finds in a document's history whether an upload was accepted, and what was answered. The state alone does not tell:
//! later generations overtake an upload.

use std::sync::Arc;

use millrace_domain::{DocumentEvent, DocumentKey, EventEnvelope, Stage, Status, UploadId, Version};
use millrace_ports::{EventStore, PortError};

use crate::commands::{Accepted, CompletedUpload};

/// Events read at a time.
const PAGE: usize = 500;

/// The histories, searched for uploads.
#[derive(Debug, Clone)]
pub struct UploadHistory {
    store: Arc<dyn EventStore>,
}

impl UploadHistory {
    /// Searching in an event store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }

    /// The answer to an upload, if it was accepted behind a version; searches to the end of the history.
    pub(crate) async fn find(
        &self,
        key: &DocumentKey,
        upload: UploadId,
        after: Version,
    ) -> Result<Option<CompletedUpload>, PortError> {
        let mut after = after;
        loop {
            let events = self.store.read(key, after, PAGE).await?;
            if let Some(completed) = events.iter().find_map(|event| answer(key, upload, event)) {
                return Ok(Some(completed));
            }
            let Some(last) = events.last().filter(|_| events.len() == PAGE) else { return Ok(None) };
            after = last.sequence;
        }
    }
}

fn answer(key: &DocumentKey, upload: UploadId, envelope: &EventEnvelope) -> Option<CompletedUpload> {
    let DocumentEvent::DocumentUploaded(uploaded) = &envelope.event else { return None };
    let accepted = || Accepted {
        key: key.clone(),
        job_id: uploaded.job_id,
        generation: uploaded.generation,
        status: Status::Processing,
        stage: Stage::Extract,
        version: envelope.sequence,
        trace: envelope.trace.clone(),
        replayed: true,
    };
    let completed = || CompletedUpload { accepted: accepted(), filename: uploaded.filename.clone() };
    (uploaded.upload_id == upload).then(completed)
}
