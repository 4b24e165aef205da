//! PPTX to text: one page per slide in the order of the show, titles as headings, then tables, diagrams
//! and speaker notes. It deliberately leaves out masters, layouts, slide numbers and comments.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::archive::Archive;
use crate::media_type::Format;
use crate::relationships::{Relationships, core_title};
use crate::text_builder::{Separator, TextBuilder};
use crate::xml::{Element, Node, walk};

const PRESENTATION: &str = "ppt/presentation.xml";

pub(crate) fn extract(
    archive: &mut Archive<'_>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let mut out = TextBuilder::new(limits);
    if let Some(title) = core_title(archive)? {
        out.set_title(&title);
    }
    for slide in slides_in_order(archive)? {
        out.start_page()?;
        read_shapes(archive, &slide, true, &mut out)?;
        let relationships = Relationships::of(archive, &slide)?;
        for kind in ["diagramData", "notesSlide"] {
            for part in relationships.of_kind(kind) {
                if archive.contains(&part) {
                    read_shapes(archive, &part, false, &mut out)?;
                }
            }
        }
    }
    out.finish(Format::Pptx.media_type(), "the slides hold no text; text in images is not read")
}

fn slides_in_order(archive: &mut Archive<'_>) -> Result<Vec<String>, ExtractionError> {
    let relationships = Relationships::of(archive, PRESENTATION)?;
    let mut slides = Vec::new();
    walk(archive.open_entry(PRESENTATION)?, PRESENTATION, &mut |node| {
        if let Node::Start(element) = node
            && element.name() == "sldId"
            && let Some(part) =
                element.attribute_exact("r:id").and_then(|id| relationships.target(&id).map(str::to_owned))
        {
            slides.push(part);
        }
        Ok(())
    })?;
    slides.retain(|slide| archive.contains(slide));
    Ok(slides)
}

fn read_shapes(
    archive: &mut Archive<'_>,
    part: &str,
    titles: bool,
    out: &mut TextBuilder,
) -> Result<(), ExtractionError> {
    let mut shapes = Shapes { titles, ..Shapes::default() };
    walk(archive.open_entry(part)?, part, &mut |node| match node {
        Node::Start(element) => shapes.start(element, out),
        Node::End(name) => {
            shapes.end(name, out);
            Ok(())
        }
        Node::Text(text) if shapes.in_text && shapes.skip_depth == 0 && !shapes.is_furniture => {
            out.push(text)
        }
        Node::Text(_) => Ok(()),
    })?;
    out.end_paragraph();
    Ok(())
}

#[derive(Default)]
struct Shapes {
    titles: bool,
    skip_depth: u64,
    in_text: bool,
    /// The shape is a slide number, date or footer.
    is_furniture: bool,
    is_title: bool,
    in_cell: bool,
    row_has_cell: bool,
}

impl Shapes {
    fn start(&mut self, element: &Element<'_>, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        if self.skip_depth > 0 || element.name() == "Fallback" {
            self.skip_depth += 1;
            return Ok(());
        }
        match element.name() {
            "sp" | "graphicFrame" => {
                out.end_paragraph();
                self.is_title = false;
                self.is_furniture = false;
            }
            "ph" => {
                let kind = element.attribute("type").unwrap_or_default();
                self.is_title = self.titles && matches!(kind.as_str(), "title" | "ctrTitle");
                self.is_furniture = matches!(kind.as_str(), "sldNum" | "dt" | "ftr" | "hdr");
            }
            "txBody" if self.is_title => out.start_heading(1),
            "t" => self.in_text = true,
            "br" => out.push("\n")?,
            "tab" => out.push("\t")?,
            "tr" => {
                self.row_has_cell = false;
                out.request(Separator::Line);
            }
            "tc" => {
                self.in_cell = true;
                if std::mem::replace(&mut self.row_has_cell, true) {
                    out.replace(Separator::Cell);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, out: &mut TextBuilder) {
        if self.skip_depth > 0 {
            self.skip_depth -= 1;
            return;
        }
        match name {
            "t" => self.in_text = false,
            "p" if self.is_title => out.request(Separator::Space),
            "p" => out.request(Separator::Line),
            "tc" => self.in_cell = false,
            "sp" | "graphicFrame" => {
                out.end_paragraph();
                self.is_title = false;
                self.is_furniture = false;
            }
            _ => {}
        }
    }
}
