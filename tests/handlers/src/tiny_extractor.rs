//! The real parsers, run in the tests' own process: quick and deterministic. Bounds on time and memory hold only where
//! a parser runs in a child; they are tested with the extraction crate.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use millrace_extraction::extract_bytes;
use millrace_ports::{
    ByteStream, ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits, TextExtractor,
};

/// An extractor without a child process.
#[derive(Debug, Clone, Default)]
pub struct TinyExtractor {
    limits: ExtractionLimits,
}

#[async_trait]
impl TextExtractor for TinyExtractor {
    async fn extract(
        &self,
        content: ByteStream,
        hints: &ExtractionHints,
    ) -> Result<ExtractedText, ExtractionError> {
        let pieces: Vec<_> = content
            .try_collect()
            .await
            .map_err(|error| ExtractionError::Unavailable(format!("content not read: {error}")))?;
        extract_bytes(&pieces.concat(), hints, &self.limits)
    }
}
