//! One document's bytes to text, in this process: finds the format and calls its parser. It deliberately
//! bounds neither time nor memory; that is the child process's part (see `process_extractor`).

use millrace_ports::{ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits};

use crate::archive::Archive;
use crate::decode::charset_parameter;
use crate::media_type::{self, Format};
use crate::{docx, eml, epub, html, json, markdown, open_document, pdf, plain_text, pptx, rtf, xlsx};

/// Extracts the text of one document that is in memory.
///
/// # Errors
/// Whatever the port names but `TimedOut` and `Unavailable`. A parser may panic, exhaust memory or never
/// return on hostile input: call this where that is contained.
pub fn extract_bytes(
    bytes: &[u8],
    hints: &ExtractionHints,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    extract_nested(bytes, hints, limits, 0)
}

/// As [`extract_bytes`], taking the bytes, so that a PDF is not copied once more.
pub(crate) fn extract_owned(
    bytes: Vec<u8>,
    hints: &ExtractionHints,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    match refuse_by_size(&bytes, limits).and_then(|()| find_format(&bytes, hints, limits))? {
        Format::Pdf => pdf::extract(bytes, limits),
        format => dispatch(format, &bytes, hints, limits, 0),
    }
}

/// As [`extract_bytes`], for a document found `nesting` levels inside others.
pub(crate) fn extract_nested(
    bytes: &[u8],
    hints: &ExtractionHints,
    limits: &ExtractionLimits,
    nesting: u8,
) -> Result<ExtractedText, ExtractionError> {
    refuse_by_size(bytes, limits)?;
    let format = find_format(bytes, hints, limits)?;
    dispatch(format, bytes, hints, limits, nesting)
}

fn refuse_by_size(bytes: &[u8], limits: &ExtractionLimits) -> Result<(), ExtractionError> {
    if bytes.is_empty() {
        return Err(ExtractionError::Empty("zero bytes".to_owned()));
    }
    if bytes.len() as u64 > limits.input_bytes_max {
        return Err(input_too_large(limits.input_bytes_max));
    }
    Ok(())
}

pub(crate) fn input_too_large(input_bytes_max: u64) -> ExtractionError {
    ExtractionError::TooLarge(format!("more than {input_bytes_max} bytes of input"))
}

fn find_format(
    bytes: &[u8],
    hints: &ExtractionHints,
    limits: &ExtractionLimits,
) -> Result<Format, ExtractionError> {
    if media_type::is_zip(bytes) {
        return media_type::detect_archive(&mut Archive::open(bytes, limits)?);
    }
    media_type::detect(bytes, hints)
}

fn dispatch(
    format: Format,
    bytes: &[u8],
    hints: &ExtractionHints,
    limits: &ExtractionLimits,
    nesting: u8,
) -> Result<ExtractedText, ExtractionError> {
    let charset = hints.declared_media_type.as_deref().and_then(charset_parameter);
    match format {
        Format::Pdf => pdf::extract(bytes.to_vec(), limits),
        Format::Docx => docx::extract(&mut Archive::open(bytes, limits)?, limits),
        Format::Pptx => pptx::extract(&mut Archive::open(bytes, limits)?, limits),
        Format::Xlsx => xlsx::extract(&mut Archive::open(bytes, limits)?, limits),
        Format::OpenDocumentText | Format::OpenDocumentPresentation | Format::OpenDocumentSpreadsheet => {
            open_document::extract(&mut Archive::open(bytes, limits)?, format, limits)
        }
        Format::Epub => epub::extract(&mut Archive::open(bytes, limits)?, limits),
        Format::Rtf => rtf::extract(bytes, limits),
        Format::Html => html::extract(bytes, charset, limits),
        Format::Xml => plain_text::extract_xml(bytes, charset, limits),
        Format::Markdown => markdown::extract(bytes, charset, limits),
        Format::Csv | Format::Tsv => plain_text::extract_csv(bytes, charset, format, limits),
        Format::Json => json::extract(bytes, charset, limits),
        Format::Eml => eml::extract(bytes, limits, nesting),
        Format::PlainText => plain_text::extract(bytes, charset, limits),
    }
}
