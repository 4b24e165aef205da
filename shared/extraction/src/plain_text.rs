//! Plain text, CSV and XML to text: decoded and normalised. CSV rows become lines with their cells apart
//! by bars; of XML the character data is kept, one line per element. It deliberately guesses no structure
//! in plain text.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::decode;
use crate::media_type::Format;
use crate::text_builder::{Separator, TextBuilder};
use crate::xml::{Node, walk};

const BLANK: &str = "the text is blank";

pub(crate) fn extract(
    bytes: &[u8],
    charset: Option<&str>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let mut out = TextBuilder::new(limits);
    out.push(&decode::decode(bytes, charset))?;
    out.finish(Format::PlainText.media_type(), BLANK)
}

/// Reads rows by RFC 4180, leniently: a quote in the middle of a field is text, an unclosed one ends with
/// the content. The delimiter is the most frequent candidate of the first line.
pub(crate) fn extract_csv(
    bytes: &[u8],
    charset: Option<&str>,
    format: Format,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let text = decode::decode(bytes, charset);
    let text = text.trim_start_matches('\u{feff}');
    let delimiter =
        if format == Format::Tsv { '\t' } else { delimiter_of(text.lines().next().unwrap_or_default()) };
    let mut out = TextBuilder::new(limits);
    let mut rest = text;
    let mut row_has_field = false;
    while !rest.is_empty() {
        let (field, after) = next_field(rest, delimiter);
        let field = field.trim();
        if !field.is_empty() {
            if std::mem::replace(&mut row_has_field, true) {
                out.replace(Separator::Cell);
            }
            out.push_collapsed(field)?;
        }
        rest = match after.strip_prefix(delimiter) {
            Some(same_row) => same_row,
            None => {
                row_has_field = false;
                out.request(Separator::Line);
                after.trim_start_matches(['\r', '\n'])
            }
        };
    }
    out.finish(format.media_type(), "the table holds no values")
}

fn delimiter_of(line: &str) -> char {
    let count = |delimiter: char| line.matches(delimiter).count();
    [',', ';', '\t', '|'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(',')
}

/// The first field of a row, and what follows it: the delimiter, a line break or nothing.
fn next_field(rest: &str, delimiter: char) -> (std::borrow::Cow<'_, str>, &str) {
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([delimiter, '\n', '\r']).unwrap_or(rest.len());
        return (rest[..end].into(), &rest[end..]);
    };
    let mut from = 0;
    loop {
        let Some(at) = quoted[from..].find('"').map(|at| from + at) else { return (quoted.into(), "") };
        if quoted[at + 1..].starts_with('"') {
            from = at + 2;
            continue;
        }
        let after = &quoted[at + 1..];
        let end = after.find([delimiter, '\n', '\r']).unwrap_or(after.len());
        return (quoted[..at].replace("\"\"", "\"").into(), &after[end..]);
    }
}

pub(crate) fn extract_xml(
    bytes: &[u8],
    charset: Option<&str>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let declared = xml_encoding(bytes);
    let text = decode::decode(bytes, charset.or(declared.as_deref()));
    let mut out = TextBuilder::new(limits);
    walk(text.as_bytes(), "the document", &mut |node| match node {
        Node::Start(_) | Node::End(_) => {
            out.request(Separator::Line);
            Ok(())
        }
        Node::Text(text) => out.push_collapsed(text),
    })?;
    out.finish(Format::Xml.media_type(), "the XML holds no character data")
}

fn xml_encoding(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let declaration =
        head.trim_start_matches('\u{feff}').strip_prefix("<?xml")?.split("?>").next()?.to_owned();
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start().to_owned();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_rows_become_lines() {
        let limits = ExtractionLimits::default();
        let csv = "name;note\r\n\"A; \"\"B\"\"\";two\r\n;\"multi\nline\"\n";
        let text = extract_csv(csv.as_bytes(), None, Format::Csv, &limits).unwrap();
        assert_eq!(text.text, "name | note\nA; \"B\" | two\nmulti line");
    }

    #[test]
    fn xml_keeps_character_data_and_refuses_entities() {
        let limits = ExtractionLimits::default();
        let xml = b"<?xml version='1.0' encoding='windows-1252'?><a><b>caf\xe9</b><c x='1'>two &amp; <![CDATA[<3>]]></c></a>";
        assert_eq!(extract_xml(xml, None, &limits).unwrap().text, "café\ntwo & <3>");
        let bomb = b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>";
        assert!(matches!(extract_xml(bomb, None, &limits), Err(ExtractionError::Corrupt(_))));
    }
}
