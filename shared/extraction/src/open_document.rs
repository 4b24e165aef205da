//! ODT, ODP and ODS to text from their one `content.xml`: slides and sheets are pages, outline levels
//! headings, table rows lines. It deliberately leaves out tracked deletions, styles and repeated empty
//! cells, and writes a cell once however often it repeats.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::archive::Archive;
use crate::media_type::Format;
use crate::text_builder::{Separator, TextBuilder};
use crate::xml::{Element, Node, walk};

const CONTENT: &str = "content.xml";
const MANIFEST: &str = "META-INF/manifest.xml";
const SKIPPED: [&str; 4] = ["tracked-changes", "forms", "scripts", "font-face-decls"];
const SPACES_MAX: usize = 100;

pub(crate) fn extract(
    archive: &mut Archive<'_>,
    format: Format,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    if archive.contains(MANIFEST) && holds(&archive.read_entry(MANIFEST)?, b"encryption-data") {
        return Err(ExtractionError::Encrypted("an OpenDocument file that needs a password".to_owned()));
    }
    let mut out = TextBuilder::new(limits);
    if archive.contains("meta.xml") {
        read_title(archive, &mut out)?;
    }
    if format == Format::OpenDocumentText {
        out.start_page()?;
    }
    let mut content =
        Content { format, skip_depth: 0, body: false, cells: Vec::new(), paragraphs: 0, list_depth: 0 };
    walk(archive.open_entry(CONTENT)?, CONTENT, &mut |node| match node {
        Node::Start(element) => content.start(element, &mut out),
        Node::End(name) => {
            content.end(name, &mut out);
            Ok(())
        }
        Node::Text(text) if content.paragraphs > 0 && content.skip_depth == 0 => out.push_collapsed(text),
        Node::Text(_) => Ok(()),
    })?;
    if format == Format::OpenDocumentText && out.page_count() == 1 {
        out.forget_pages();
    }
    out.finish(format.media_type(), "the document holds no text; text in images is not read")
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn read_title(archive: &mut Archive<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
    let mut inside = false;
    walk(archive.open_entry("meta.xml")?, "meta.xml", &mut |node| {
        match node {
            Node::Start(element) => inside = element.name() == "title",
            Node::End(_) => inside = false,
            Node::Text(text) if inside => out.set_title(text),
            Node::Text(_) => {}
        }
        Ok(())
    })
}

struct Content {
    format: Format,
    skip_depth: u64,
    body: bool,
    /// One entry per open table: whether the current row has had a cell.
    cells: Vec<bool>,
    /// Open paragraphs: a note's or text box's paragraph lies inside another.
    paragraphs: u64,
    list_depth: u64,
}

impl Content {
    fn start(&mut self, element: &Element<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        if self.skip_depth > 0 || SKIPPED.contains(&element.name()) {
            self.skip_depth += 1;
            return Ok(());
        }
        match element.name() {
            "body" => self.body = true,
            _ if !self.body => {}
            "p" => self.paragraphs += 1,
            "h" => {
                self.paragraphs += 1;
                out.start_heading(
                    element.attribute("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1),
                );
            }
            "list" => self.list_depth += 1,
            "s" => {
                let count = element.attribute("c").and_then(|count| count.parse().ok()).unwrap_or(1);
                out.push(&" ".repeat(usize::min(count, SPACES_MAX)))?;
            }
            "tab" => out.push("\t")?,
            "line-break" => out.push("\n")?,
            "soft-page-break" if out.page_has_text() => out.break_page()?,
            "page" if self.format == Format::OpenDocumentPresentation => out.start_page()?,
            "frame" | "custom-shape" => out.request(Separator::Line),
            "table" => self.start_table(element, out)?,
            "table-row" => {
                if let Some(had_cell) = self.cells.last_mut() {
                    *had_cell = false;
                    out.request(Separator::Line);
                }
            }
            "table-cell" => {
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

    fn start_table(&mut self, element: &Element<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        self.cells.push(false);
        if self.cells.len() > 1 {
            return Ok(());
        }
        out.end_paragraph();
        if self.format == Format::OpenDocumentSpreadsheet {
            out.start_page()?;
            out.start_heading(1);
            out.push(&element.attribute("name").unwrap_or_default())?;
            out.end_paragraph();
        }
        Ok(())
    }

    fn end(&mut self, name: &str, out: &mut TextBuilder) {
        if self.skip_depth > 0 {
            self.skip_depth -= 1;
            return;
        }
        match name {
            "p" | "h" if self.body => {
                self.paragraphs = self.paragraphs.saturating_sub(1);
                let inner = !self.cells.is_empty() || self.paragraphs > 0 || self.list_depth > 0;
                if inner && name == "p" { out.end_line() } else { out.end_paragraph() }
            }
            "list" => {
                self.list_depth = self.list_depth.saturating_sub(1);
                if self.list_depth == 0 && self.cells.is_empty() {
                    out.end_paragraph();
                }
            }
            "table" => {
                self.cells.pop();
                if self.cells.is_empty() {
                    out.end_paragraph();
                }
            }
            _ => {}
        }
    }
}
