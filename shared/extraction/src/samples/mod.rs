//! Documents of every format, and hostile ones, built in code for this crate's tests and for end-to-end
//! tests. Behind the feature `samples`; deliberately no part of what is deployed.

mod hostile;
mod mail_and_text;
mod office;
mod package;
mod pdf;

pub use hostile::*;
pub use mail_and_text::*;
pub use office::*;
pub use pdf::*;

/// A document that can be read.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name it would be uploaded under.
    pub filename: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The media type that is found.
    pub media_type: &'static str,
    /// Phrases that its text holds, in this order.
    pub phrases: Vec<&'static str>,
    /// How many pages it has; zero for formats without.
    pub pages: usize,
    /// The words of its headings, in order.
    pub headings: Vec<&'static str>,
}

/// A document that is refused.
#[derive(Debug, Clone)]
pub struct HostileSample {
    /// The name it would be uploaded under.
    pub filename: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The kind of the error, as it is serialised: `corrupt`, `encrypted`, ...
    pub error_kind: &'static str,
}

/// One readable document of every format.
#[must_use]
pub fn readable() -> Vec<Sample> {
    vec![
        pdf(),
        pdf_with_owner_password(),
        pdf_named_txt(),
        docx(),
        docx_named_pdf(),
        pptx(),
        xlsx(),
        odt(),
        epub(),
        html(),
        markdown(),
        plain_text(),
        plain_text_utf_16(),
        plain_text_shift_jis(),
        csv(),
        json(),
        eml(),
        rtf(),
        xml(),
    ]
}

/// One document for every reason to refuse one.
#[must_use]
pub fn refused() -> Vec<HostileSample> {
    vec![
        empty(),
        blank_text(),
        png_named_pdf(),
        scanned_pdf(),
        encrypted_pdf(),
        truncated_pdf(),
        truncated_docx(),
        encrypted_office_document(),
        zip_bomb(),
        billion_laughs(),
        deeply_nested_rtf(),
        unknown_archive(),
    ]
}
