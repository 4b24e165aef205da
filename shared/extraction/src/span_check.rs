//! The shape every extracted text must have, as one function that tests and callers can run.
//! It deliberately judges only the shape, not whether the words are right.

use millrace_ports::ExtractedText;

/// Checks what the port promises of an [`ExtractedText`]: normalised text, and spans on character
/// boundaries, in order, without overlap.
///
/// # Errors
/// Names the first promise that does not hold.
pub fn check_extracted_text(extracted: &ExtractedText) -> Result<(), String> {
    let text = &extracted.text;
    if text.trim().is_empty() {
        return Err("no visible text".to_owned());
    }
    if let Some(character) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(format!("control character {character:?}"));
    }
    if text.contains("\n\n\n") {
        return Err("more than one empty line in a row".to_owned());
    }
    for (index, page) in extracted.pages.iter().enumerate() {
        if page.number as usize != index + 1 {
            return Err(format!("page {} at position {index}", page.number));
        }
    }
    check_spans(text, "page", extracted.pages.iter().map(|page| (page.start, page.end)))?;
    check_spans(text, "heading", extracted.headings.iter().map(|heading| (heading.start, heading.end)))?;
    if let Some(heading) = extracted.headings.iter().find(|heading| !(1..=6).contains(&heading.level)) {
        return Err(format!("heading level {}", heading.level));
    }
    match extracted.headings.iter().find(|heading| text[heading.start..heading.end].trim().is_empty()) {
        Some(heading) => Err(format!("blank heading at {}", heading.start)),
        None => Ok(()),
    }
}

fn check_spans(text: &str, what: &str, spans: impl Iterator<Item = (usize, usize)>) -> Result<(), String> {
    let mut previous_end = 0;
    for (start, end) in spans {
        if start > end || end > text.len() {
            return Err(format!("{what} span {start}..{end} of {} bytes", text.len()));
        }
        if !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return Err(format!("{what} span {start}..{end} splits a character"));
        }
        if start < previous_end {
            return Err(format!("{what} span {start}..{end} overlaps the one ending at {previous_end}"));
        }
        previous_end = end;
    }
    Ok(())
}
