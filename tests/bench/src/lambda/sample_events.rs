//! What functions are invoked with: the samples in events/, about documents that exist. The api accepts documents, and the
//! workers are then given these, one each, so that they find work and not nothing.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde::Deserialize;

/// The document in the samples, and the idempotency key of the upload.
const SAMPLE_DOCUMENT: &str = "0199a000-0000-7000-8000-000000000001";
const SAMPLE_IDEMPOTENCY_KEY: &str = "8c1f";
/// A word of the uploaded text, for which a number of as many bytes is put: equal texts are embedded once.
const SAMPLE_WORD: &str = "Köln";
/// The bucket in the samples, and that of infra/local.env.
const SAMPLE_BUCKET: &str = "millrace-content";
const BUCKET: &str = "millrace-local";

/// The events of one function, in the order in which it gets them.
#[derive(Debug)]
pub(crate) struct SampleEvents {
    sample: String,
    /// Documents still to be asked about; none of them matter to who makes them.
    documents: VecDeque<String>,
    given: usize,
}

#[derive(Debug, Deserialize)]
struct GatewayAnswer {
    body: String,
}

#[derive(Debug, Deserialize)]
struct Accepted {
    document_id: String,
}

impl SampleEvents {
    /// The sample `events/{name}`, about these documents as long as there are any.
    pub(crate) fn of(name: &str, documents: &[String]) -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
        let sample = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let sample = sample.replace(SAMPLE_BUCKET, BUCKET);
        Ok(Self { sample, documents: documents.iter().cloned().collect(), given: 0 })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Bytes {
        self.given += 1;
        let key = format!("{SAMPLE_IDEMPOTENCY_KEY}-{}", self.given);
        let event = self.sample.replace(SAMPLE_IDEMPOTENCY_KEY, &key);
        let event = event.replace(SAMPLE_WORD, &format!("{:05}", self.given));
        match self.documents.pop_front() {
            Some(document) => event.replace(SAMPLE_DOCUMENT, &document).into(),
            None => event.into(),
        }
    }

    /// Which document the api says it has accepted.
    pub(crate) fn accepted(answer: &[u8]) -> Result<String> {
        let answer: GatewayAnswer = serde_json::from_slice(answer).context("read the api's answer")?;
        let accepted: Accepted = serde_json::from_str(&answer.body)
            .with_context(|| format!("read which document was accepted: {}", answer.body))?;
        Ok(accepted.document_id)
    }
}
