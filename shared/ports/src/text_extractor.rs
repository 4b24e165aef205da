//! The port through which a document's bytes become text with page and heading positions.
//! How a parser is bounded and killed is the implementation's business.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// Bounds on one extraction. Whatever goes beyond one of them is a failed document, never a dead worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionLimits {
    /// Largest input in bytes.
    pub input_bytes_max: u64,
    /// Most pages, sheets, slides or chapters.
    pub pages_max: u32,
    /// Largest extracted text in bytes.
    pub text_bytes_max: u64,
    /// Largest total of bytes unpacked from an archive (DOCX, XLSX, EPUB, ...), as a multiple of the input.
    pub expansion_ratio_max: u32,
    /// Address space of the parser process in bytes.
    pub memory_bytes_max: u64,
    /// Wall-clock time in milliseconds after which the parser is killed.
    pub time_ms_max: u64,
}

impl Default for ExtractionLimits {
    /// A 100 MiB file, 20,000 pages, 256 MiB of text, 200-fold expansion, 2 GiB of memory, two minutes.
    fn default() -> Self {
        Self {
            input_bytes_max: 100 << 20,
            pages_max: 20_000,
            text_bytes_max: 256 << 20,
            expansion_ratio_max: 200,
            memory_bytes_max: 2 << 30,
            time_ms_max: 120_000,
        }
    }
}

/// Where a page (a sheet, a slide, a chapter) lies in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageSpan {
    /// The page's number, from 1.
    pub number: u32,
    /// Byte offset of its first character in the text.
    pub start: usize,
    /// Byte offset after its last character.
    pub end: usize,
}

/// Where a heading lies in the text. Its words are `text[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadingSpan {
    /// 1 for the outermost level, at most 6.
    pub level: u8,
    /// Byte offset of its first character in the text.
    pub start: usize,
    /// Byte offset after its last character.
    pub end: usize,
}

/// What an extraction found. Spans lie on character boundaries, in order, without overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedText {
    /// The media type found by content, for example `application/pdf`.
    pub media_type: String,
    /// The text, UTF-8, paragraphs apart by an empty line, no NUL characters.
    pub text: String,
    /// Pages in order; empty for formats that have none (plain text, HTML, Markdown).
    pub pages: Vec<PageSpan>,
    /// Headings in order of appearance.
    pub headings: Vec<HeadingSpan>,
    /// The document's own title, if it states one.
    pub title: Option<String>,
}

/// Why a document cannot be turned into text. All of them are permanent but `Unavailable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", content = "reason", rename_all = "snake_case")]
pub enum ExtractionError {
    /// No parser for this content; the reason names what was found and what is supported.
    #[error("unsupported media type: {0}")]
    UnsupportedMediaType(String),
    /// The content claims a format and breaks its rules, or the parser panicked on it.
    #[error("corrupt document: {0}")]
    Corrupt(String),
    /// A password is needed.
    #[error("encrypted document: {0}")]
    Encrypted(String),
    /// Input, text, expansion or memory is beyond its bound; the reason names which, and the bound.
    #[error("document too large: {0}")]
    TooLarge(String),
    /// More pages than allowed.
    #[error("document has too many pages: {0}")]
    TooManyPages(String),
    /// No text in it: zero bytes, white space only, or nothing but images.
    #[error("document holds no text: {0}")]
    Empty(String),
    /// The parser was still running at the time limit and was killed.
    #[error("extraction timed out: {0}")]
    TimedOut(String),
    /// The parser could not be started or its input could not be read; the document is not at fault.
    #[error("extraction unavailable: {0}")]
    Unavailable(String),
}

/// What the parser is told about the bytes that it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionHints {
    /// The name the document was uploaded under; its extension decides only between text formats.
    pub filename: Option<String>,
    /// The media type the client declared, with parameters such as `charset`.
    pub declared_media_type: Option<String>,
}

/// A content as it streams from the blob store.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Turns bytes into text.
///
/// An implementer promises: the same bytes, hints and limits give the same result; a call ends within the
/// time limit plus a second, whatever the bytes; a panic, an abort or a hang of a parser becomes an error.
#[async_trait]
pub trait TextExtractor: Send + Sync + fmt::Debug {
    /// Extracts the text of one document, consuming its content.
    async fn extract(
        &self,
        content: ByteStream,
        hints: &ExtractionHints,
    ) -> Result<ExtractedText, ExtractionError>;
}
