//! DOCX to text: body, tables, text boxes, notes and comments. Pages follow explicit breaks and the
//! breaks the last writer rendered; headings follow style outline levels. It deliberately leaves out
//! deleted text, field codes, headers and footers, and computes no list numbers.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::archive::Archive;
use crate::docx_styles::HeadingStyles;
use crate::media_type::Format;
use crate::relationships::{Relationships, core_title};
use crate::text_builder::{Separator, TextBuilder};
use crate::xml::{Element, Node, walk};

/// Parts beside the body that hold text for readers, in the order they are appended.
const NOTE_KINDS: [&str; 3] = ["footnotes", "endnotes", "comments"];
/// Subtrees that hold no current text: the old side of alternatives and revisions, and field codes.
const SKIPPED: [&str; 6] = ["Fallback", "del", "moveFrom", "instrText", "delText", "sectPrChange"];

pub(crate) fn extract(
    archive: &mut Archive<'_>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let body_part = body_part(archive)?;
    let relationships = Relationships::of(archive, &body_part)?;
    let styles = HeadingStyles::read(archive, &relationships)?;
    let mut out = TextBuilder::new(limits);
    if let Some(title) = core_title(archive)? {
        out.set_title(&title);
    }
    out.start_page()?;
    read_part(archive, &body_part, &styles, &mut out)?;
    for kind in NOTE_KINDS {
        for part in relationships.of_kind(kind) {
            if archive.contains(&part) {
                out.end_paragraph();
                read_part(archive, &part, &styles, &mut out)?;
            }
        }
    }
    // Without any page mark the writer did not lay the document out: claiming one page would be a guess.
    if out.page_count() == 1 {
        out.forget_pages();
    }
    out.finish(Format::Docx.media_type(), "the document holds no text; text in images is not read")
}

fn body_part(archive: &mut Archive<'_>) -> Result<String, ExtractionError> {
    let package = Relationships::of(archive, "")?;
    let found = package.of_kind("officeDocument").into_iter().find(|part| archive.contains(part));
    Ok(found.unwrap_or_else(|| "word/document.xml".to_owned()))
}

fn read_part(
    archive: &mut Archive<'_>,
    part: &str,
    styles: &HeadingStyles,
    out: &mut TextBuilder,
) -> Result<(), ExtractionError> {
    let mut body = Body {
        styles,
        skip_depth: 0,
        text_depth: 0,
        cells: Vec::new(),
        section_ends: false,
        in_properties: 0,
        list_item: false,
    };
    walk(archive.open_entry(part)?, part, &mut |node| match node {
        Node::Start(element) => body.start(element, out),
        Node::End(name) => body.end(name, out),
        Node::Text(text) if body.text_depth > 0 && body.skip_depth == 0 => out.push(text),
        Node::Text(_) => Ok(()),
    })?;
    out.end_paragraph();
    Ok(())
}

struct Body<'a> {
    styles: &'a HeadingStyles,
    /// Depth below the outermost skipped element, itself included.
    skip_depth: u64,
    text_depth: u64,
    /// One entry per open table: whether the current row has had a cell.
    cells: Vec<bool>,
    /// The paragraph's properties hold a section that ends with it on a page of its own.
    section_ends: bool,
    in_properties: u64,
    list_item: bool,
}

impl Body<'_> {
    fn start(&mut self, element: &Element<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        if self.skip_depth > 0 || SKIPPED.contains(&element.name()) {
            self.skip_depth += 1;
            return Ok(());
        }
        match element.name() {
            "t" => self.text_depth += 1,
            "p" => self.list_item = false,
            "pPr" => self.in_properties += 1,
            "pStyle" => {
                if let Some(level) = element.attribute("val").and_then(|style| self.styles.level(&style)) {
                    out.mark_heading(level);
                }
            }
            "outlineLvl" if self.in_properties > 0 => {
                if let Some(level) = element
                    .attribute("val")
                    .and_then(|value| value.parse::<u8>().ok())
                    .filter(|level| *level < 9)
                {
                    out.mark_heading(level + 1);
                }
            }
            "numPr" => self.list_item = true,
            "pageBreakBefore" if element.is_on() && out.page_has_text() => out.start_page()?,
            "sectPr" if self.in_properties > 0 => self.section_ends = true,
            "type" if self.section_ends && element.attribute("val").as_deref() == Some("continuous") => {
                self.section_ends = false
            }
            "lastRenderedPageBreak" if out.page_has_text() => out.break_page()?,
            "br" if element.attribute("type").as_deref() == Some("page") => out.break_page()?,
            "br" | "cr" => out.push("\n")?,
            "tab" if self.in_properties == 0 => out.push("\t")?,
            "noBreakHyphen" => out.push("-")?,
            "tbl" => {
                self.cells.push(false);
                if self.cells.len() == 1 {
                    out.end_paragraph();
                }
            }
            "tr" => {
                if let Some(had_cell) = self.cells.last_mut() {
                    *had_cell = false;
                    out.request(Separator::Line);
                }
            }
            "tc" => {
                if let Some(had_cell) = self.cells.last_mut()
                    && std::mem::replace(had_cell, true)
                {
                    out.replace(Separator::Cell);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        if self.skip_depth > 0 {
            self.skip_depth -= 1;
            return Ok(());
        }
        match name {
            "t" => self.text_depth = self.text_depth.saturating_sub(1),
            "pPr" => self.in_properties = self.in_properties.saturating_sub(1),
            "p" => {
                if self.cells.is_empty() && !self.list_item {
                    out.end_paragraph();
                } else {
                    out.end_line();
                }
                if std::mem::take(&mut self.section_ends) && out.page_has_text() {
                    out.start_page()?;
                }
            }
            "tbl" => {
                self.cells.pop();
                if self.cells.is_empty() { out.end_paragraph() } else { out.request(Separator::Line) }
            }
            _ => {}
        }
        Ok(())
    }
}
