//! XLSX to text: one page per sheet under its name, one line per row, cells apart by bars; dates are
//! written out. It deliberately evaluates no formulas (the stored results are read) and leaves out
//! charts, comments and formatting.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::archive::Archive;
use crate::media_type::Format;
use crate::relationships::{Relationships, core_title};
use crate::text_builder::{Separator, TextBuilder};
use crate::xlsx_values::{NumberStyles, SharedStrings, number_text};
use crate::xml::{Element, Node, walk};

const WORKBOOK: &str = "xl/workbook.xml";

pub(crate) fn extract(
    archive: &mut Archive<'_>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let relationships = Relationships::of(archive, WORKBOOK)?;
    let workbook = Workbook::read(archive, &relationships)?;
    let strings = SharedStrings::read(archive, &relationships)?;
    let styles = NumberStyles::read(archive, &relationships, workbook.dates_from_1904)?;
    let mut out = TextBuilder::new(limits);
    if let Some(title) = core_title(archive)? {
        out.set_title(&title);
    }
    let mut any_cell = false;
    for (name, part) in workbook.sheets {
        out.start_page()?;
        out.start_heading(1);
        out.push(&name)?;
        out.end_paragraph();
        let before = out.len();
        let mut sheet =
            Sheet { strings: &strings, styles: &styles, cell: Cell::default(), row_has_cell: false };
        walk(archive.open_entry(&part)?, &part, &mut |node| sheet.visit(&node, &mut out))?;
        out.end_paragraph();
        any_cell |= out.len() > before;
    }
    if !any_cell {
        return Err(ExtractionError::Empty("the workbook's sheets hold no values".to_owned()));
    }
    out.finish(Format::Xlsx.media_type(), "the workbook's sheets hold no values")
}

struct Workbook {
    sheets: Vec<(String, String)>,
    dates_from_1904: bool,
}

impl Workbook {
    fn read(archive: &mut Archive<'_>, relationships: &Relationships) -> Result<Self, ExtractionError> {
        let mut found = Self { sheets: Vec::new(), dates_from_1904: false };
        walk(archive.open_entry(WORKBOOK)?, WORKBOOK, &mut |node| {
            if let Node::Start(element) = node {
                match element.name() {
                    "workbookPr" => {
                        found.dates_from_1904 =
                            matches!(element.attribute("date1904").as_deref(), Some("1" | "true"))
                    }
                    "sheet" => {
                        let part = element
                            .attribute("id")
                            .and_then(|id| relationships.target(&id).map(str::to_owned));
                        if let Some(part) = part {
                            found.sheets.push((element.attribute("name").unwrap_or_default(), part));
                        }
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
        found.sheets.retain(|(_, part)| archive.contains(part));
        Ok(found)
    }
}

#[derive(Default)]
struct Cell {
    kind: String,
    style: usize,
    value: String,
    reading: bool,
}

struct Sheet<'a> {
    strings: &'a SharedStrings,
    styles: &'a NumberStyles,
    cell: Cell,
    row_has_cell: bool,
}

impl Sheet<'_> {
    fn visit(&mut self, node: &Node<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        match node {
            Node::Start(element) => self.start(element, out),
            Node::Text(text) if self.cell.reading => self.cell.value.push_str(text),
            Node::End("v" | "t") => self.cell.reading = false,
            Node::End("c") => self.write_cell(out)?,
            Node::End(_) | Node::Text(_) => {}
        }
        Ok(())
    }

    fn start(&mut self, element: &Element<'_>, out: &mut TextBuilder) {
        match element.name() {
            "row" => {
                self.row_has_cell = false;
                out.request(Separator::Line);
            }
            "c" => {
                self.cell.kind = element.attribute("t").unwrap_or_default();
                self.cell.style = element.attribute("s").and_then(|style| style.parse().ok()).unwrap_or(0);
                self.cell.value.clear();
            }
            "v" | "t" => self.cell.reading = true,
            // Phonetic guides repeat the text.
            "rPh" => self.cell.reading = false,
            _ => {}
        }
    }

    fn write_cell(&mut self, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        let value = std::mem::take(&mut self.cell.value);
        let number;
        let text = match self.cell.kind.as_str() {
            "s" => value.trim().parse().ok().and_then(|index| self.strings.get(index)).unwrap_or(""),
            "b" if value.trim() == "1" => "TRUE",
            "b" => "FALSE",
            "e" => "",
            "str" | "inlineStr" | "d" => value.as_str(),
            _ => {
                number = number_text(value.trim(), self.styles.kind(self.cell.style));
                number.as_str()
            }
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        if std::mem::replace(&mut self.row_has_cell, true) {
            out.replace(Separator::Cell);
        }
        out.push_collapsed(text.trim())
    }
}
