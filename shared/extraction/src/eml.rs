//! Mail (EML, MHTML) to text: who, when, what about, the body as plain text or from HTML, then the
//! attachments that are documents themselves. It deliberately skips attachments it cannot read, and goes
//! into messages within messages only so deep.

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use millrace_ports::{ExtractedText, ExtractionError, ExtractionHints, ExtractionLimits, HeadingSpan};

use crate::extract::extract_nested;
use crate::html;
use crate::media_type::Format;
use crate::text_builder::{Separator, TextBuilder};

/// Messages or documents inside one another.
const NESTING_MAX: u8 = 3;
const ATTACHMENTS_MAX: usize = 200;

pub(crate) fn extract(
    bytes: &[u8],
    limits: &ExtractionLimits,
    nesting: u8,
) -> Result<ExtractedText, ExtractionError> {
    let Some(message) = MessageParser::default().parse(bytes) else {
        return Err(ExtractionError::Corrupt("the message has no headers".to_owned()));
    };
    let mut out = TextBuilder::new(limits);
    append(&message, &mut out, limits, nesting)?;
    out.finish(Format::Eml.media_type(), "the message holds no text")
}

fn append(
    message: &Message<'_>,
    out: &mut TextBuilder,
    limits: &ExtractionLimits,
    nesting: u8,
) -> Result<(), ExtractionError> {
    if let Some(subject) = message.subject() {
        out.set_title(subject);
        out.start_heading(nesting + 1);
        out.push(subject)?;
        out.end_paragraph();
    }
    for (label, address) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        if let Some(text) = address.map(address_text).filter(|text| !text.is_empty()) {
            out.request(Separator::Line);
            out.push(&format!("{label}: {text}"))?;
        }
    }
    if let Some(date) = message.date().filter(|date| date.is_valid()) {
        out.request(Separator::Line);
        out.push(&format!("Date: {}", date.to_rfc3339()))?;
    }
    out.end_paragraph();
    append_bodies(message, out)?;
    for attachment in message.attachments().take(ATTACHMENTS_MAX) {
        match &attachment.body {
            PartType::Message(inner) if nesting < NESTING_MAX => append(inner, out, limits, nesting + 1)?,
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                append_attachment(attachment.attachment_name(), bytes, out, limits, nesting)?;
            }
            PartType::Text(text) | PartType::Html(text) => {
                append_attachment(attachment.attachment_name(), text.as_bytes(), out, limits, nesting)?;
            }
            PartType::Message(_) | PartType::Multipart(_) => {}
        }
    }
    Ok(())
}

/// The plain text where the sender wrote one; HTML where it is all there is.
fn append_bodies(message: &Message<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => out.push(text)?,
            PartType::Html(markup) => html::append(markup, out)?,
            _ => {}
        }
        out.end_paragraph();
    }
    Ok(())
}

fn append_attachment(
    name: Option<&str>,
    bytes: &[u8],
    out: &mut TextBuilder,
    limits: &ExtractionLimits,
    nesting: u8,
) -> Result<(), ExtractionError> {
    let hints = ExtractionHints { filename: name.map(str::to_owned), declared_media_type: None };
    let inner = if nesting < NESTING_MAX {
        extract_nested(bytes, &hints, limits, nesting + 1)
    } else {
        return Ok(());
    };
    match inner {
        Ok(inner) => {
            if let Some(name) = name {
                out.start_heading(nesting + 2);
                out.push(name)?;
            }
            out.end_paragraph();
            let offset = out.next_offset();
            out.push(&inner.text)?;
            for heading in inner.headings {
                out.add_heading(HeadingSpan {
                    level: heading.level,
                    start: heading.start + offset,
                    end: heading.end + offset,
                });
            }
            out.end_paragraph();
            Ok(())
        }
        // What is too large stays too large inside a mail; everything else is just not a document.
        Err(error @ (ExtractionError::TooLarge(_) | ExtractionError::TooManyPages(_))) => Err(error),
        Err(_) => match name {
            Some(name) => {
                out.push(&format!("Attachment: {name}"))?;
                out.end_paragraph();
                Ok(())
            }
            None => Ok(()),
        },
    }
}

fn address_text(address: &Address<'_>) -> String {
    let each = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    });
    each.collect::<Vec<_>>().join(", ")
}
