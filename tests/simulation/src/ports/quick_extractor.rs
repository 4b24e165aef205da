//! A parser of plain text, behind a plan of faults. What is wrong with a content it reads from its first word.

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use millrace_ports::{ByteStream, ExtractedText, ExtractionError, ExtractionHints, TextExtractor};
use millrace_test_support::FaultPlan;

use crate::contents::{Content, Nature};

/// The parser.
#[derive(Debug)]
pub(crate) struct QuickExtractor {
    plan: Arc<FaultPlan>,
}

impl QuickExtractor {
    pub(crate) fn new(plan: Arc<FaultPlan>) -> Self {
        Self { plan }
    }
}

#[async_trait]
impl TextExtractor for QuickExtractor {
    async fn extract(
        &self,
        content: ByteStream,
        _: &ExtractionHints,
    ) -> Result<ExtractedText, ExtractionError> {
        let unavailable = |error| Err(ExtractionError::Unavailable(format!("{error}")));
        self.plan.call_with("text_extractor.extract", read(content), unavailable).await
    }
}

async fn read(content: ByteStream) -> Result<ExtractedText, ExtractionError> {
    let pieces: Vec<_> =
        content.try_collect().await.map_err(|error| ExtractionError::Unavailable(error.to_string()))?;
    let text = String::from_utf8(pieces.concat()).map_err(|_| ExtractionError::Corrupt("no text".into()))?;
    match Content::nature_of(&text) {
        Nature::Sound => Ok(ExtractedText {
            media_type: "text/plain".into(),
            text,
            pages: Vec::new(),
            headings: Vec::new(),
            title: None,
        }),
        Nature::Corrupt => Err(ExtractionError::Corrupt("the content says so".into())),
        Nature::Blank => Err(ExtractionError::Empty("white space only".into())),
        Nature::Exhausting => Err(ExtractionError::Unavailable("the content says so".into())),
        Nature::Explosive => std::panic::panic_any(EXPLOSION),
    }
}

/// What the parser says when it panics, as some contents make it.
pub(crate) const EXPLOSION: &str = "a content made the simulated parser panic";
