//! What a chunker reads of an extracted document, borrowed. It does not check the spans: those that do not fit
//! the text are passed over where they are used.

use millrace_ports::{ExtractedText, HeadingSpan, PageSpan};

/// A text and where its pages and headings lie.
#[derive(Debug, Clone, Copy)]
pub struct DocumentText<'a> {
    /// The text that chunks are cut from.
    pub text: &'a str,
    /// Pages in order; may be empty.
    pub pages: &'a [PageSpan],
    /// Headings in order; may be empty.
    pub headings: &'a [HeadingSpan],
}

impl<'a> DocumentText<'a> {
    /// A text without pages and headings.
    pub const fn plain(text: &'a str) -> Self {
        Self { text, pages: &[], headings: &[] }
    }
}

impl<'a> From<&'a ExtractedText> for DocumentText<'a> {
    fn from(extracted: &'a ExtractedText) -> Self {
        Self { text: &extracted.text, pages: &extracted.pages, headings: &extracted.headings }
    }
}
