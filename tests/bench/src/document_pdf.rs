//! Writes text as a minimal valid PDF: pages of Helvetica, headings in bold and larger, nothing compressed.
//! ASCII only; no images, no metadata, no other fonts.

const LINE_CHARACTERS_MAX: usize = 88;
const LINES_PER_PAGE: usize = 48;
const CATALOG: usize = 1;
const PAGE_TREE: usize = 2;
const BODY_FONT: usize = 3;
const HEADING_FONT: usize = 4;
const FIRST_PAGE: usize = 5;

/// A line and whether it is a heading.
type Line<'a> = (String, bool);

/// The PDF of a text in which lines that begin with `#` are headings and empty lines part paragraphs.
pub(crate) fn pdf(markdown: &str) -> Vec<u8> {
    let lines: Vec<Line<'_>> = markdown.lines().flat_map(wrapped).collect();
    let pages: Vec<&[Line<'_>]> = lines.chunks(LINES_PER_PAGE).collect();
    let mut writer = PdfWriter::new();
    writer.object(CATALOG, &format!("<< /Type /Catalog /Pages {PAGE_TREE} 0 R >>"));
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", FIRST_PAGE + 2 * page)).collect();
    writer
        .object(PAGE_TREE, &format!("<< /Type /Pages /Count {} /Kids [{}] >>", pages.len(), kids.join(" ")));
    writer.object(BODY_FONT, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    writer.object(HEADING_FONT, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>");
    for (number, page) in pages.iter().enumerate() {
        let (page_id, content_id) = (FIRST_PAGE + 2 * number, FIRST_PAGE + 2 * number + 1);
        writer.object(
            page_id,
            &format!(
                "<< /Type /Page /Parent {PAGE_TREE} 0 R /MediaBox [0 0 612 792] /Contents {content_id} 0 R \
                 /Resources << /Font << /F1 {BODY_FONT} 0 R /F2 {HEADING_FONT} 0 R >> >> >>"
            ),
        );
        let content = page_content(page);
        writer.object(content_id, &format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    writer.finish()
}

/// The lines that a line of Markdown takes on a page; an empty one after it if it was empty.
fn wrapped(line: &str) -> Vec<Line<'static>> {
    let is_heading = line.starts_with('#');
    let mut lines = vec![(String::new(), is_heading)];
    for word in line.trim_start_matches('#').split_whitespace() {
        if lines.last().is_some_and(|(last, _)| last.len() + word.len() >= LINE_CHARACTERS_MAX) {
            lines.push((String::new(), is_heading));
        }
        if let Some((last, _)) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

fn page_content(lines: &[Line<'_>]) -> String {
    let mut content = String::from("BT\n14 TL\n72 740 Td\n");
    for (line, is_heading) in lines {
        let font = if *is_heading { "/F2 14 Tf" } else { "/F1 10 Tf" };
        let escaped = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        content.push_str(&format!("{font}\n({escaped}) Tj\nT*\n"));
    }
    content.push_str("ET");
    content
}

/// Collects objects and where they begin.
#[derive(Debug)]
struct PdfWriter {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl PdfWriter {
    fn new() -> Self {
        Self { bytes: b"%PDF-1.4\n".to_vec(), offsets: Vec::new() }
    }

    /// Objects must come in the order of their numbers, from 1.
    fn object(&mut self, number: usize, body: &str) {
        debug_assert_eq!(number, self.offsets.len() + 1);
        self.offsets.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let table_at = self.bytes.len();
        let size = self.offsets.len() + 1;
        let mut table = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            table.push_str(&format!("{offset:010} 00000 n \n"));
        }
        table.push_str(&format!(
            "trailer\n<< /Size {size} /Root {CATALOG} 0 R >>\nstartxref\n{table_at}\n%%EOF\n"
        ));
        self.bytes.extend_from_slice(table.as_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_point_at_their_objects() {
        let bytes = pdf(&format!("# Title\n\n{}", "some (words) here ".repeat(2000)));
        let text = String::from_utf8(bytes).unwrap();
        let table_at: usize = text.lines().rev().nth(1).unwrap().parse().unwrap();
        let entries: Vec<&str> =
            text[table_at..].lines().skip(3).take_while(|line| line.ends_with("n ")).collect();
        assert!(entries.len() > FIRST_PAGE);
        for (number, entry) in (1..).zip(entries) {
            let offset: usize = entry[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{number} 0 obj")));
        }
        assert!(text.contains("(Title) Tj") && text.contains("some \\(words\\)"));
    }
}
