//! RTF to text: a small reader of groups, control words and code pages, without recursion. Paragraphs,
//! table cells, page breaks and outline levels are kept. It deliberately leaves out pictures, embedded
//! objects, headers, footers and all formatting.

use std::collections::HashMap;

use encoding_rs::{Encoding, WINDOWS_1252};
use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::media_type::Format;
use crate::rtf_tokens::{Token, Tokens};
use crate::text_builder::{Separator, TextBuilder};

/// Groups open at once; real documents stay far below.
const DEPTH_MAX: usize = 10_000;
const SKIPPED: [&str; 22] = [
    "colortbl",
    "stylesheet",
    "pict",
    "object",
    "header",
    "headerl",
    "headerr",
    "headerf",
    "footer",
    "footerl",
    "footerr",
    "footerf",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "themedata",
    "datastore",
    "xmlnstbl",
    "fldinst",
    "latentstyles",
    "nonshppict",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    FontTable,
    Info,
    Title,
    Skipped,
}

#[derive(Debug, Clone)]
struct Group {
    destination: Destination,
    encoding: &'static Encoding,
    /// How many characters stand in for one `\u` for readers that know no Unicode.
    fallback_count: usize,
    hidden: bool,
}

pub(crate) fn extract(bytes: &[u8], limits: &ExtractionLimits) -> Result<ExtractedText, ExtractionError> {
    let mut reader = Reader::new(limits);
    reader.out.start_page()?;
    for token in Tokens::new(bytes) {
        reader.read(&token)?;
        if reader.ended {
            break;
        }
    }
    reader.flush()?;
    if !reader.ended {
        return Err(ExtractionError::Corrupt("the RTF ends inside a group".to_owned()));
    }
    if reader.out.page_count() == 1 {
        reader.out.forget_pages();
    }
    reader.out.finish(Format::Rtf.media_type(), "the document holds no text; text in images is not read")
}

struct Reader {
    out: TextBuilder,
    groups: Vec<Group>,
    group: Group,
    default_encoding: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    current_font: i32,
    /// Bytes in the group's encoding, not yet decoded: a character may be several of them.
    pending: Vec<u8>,
    high_surrogate: Option<u16>,
    fallback_left: usize,
    title: String,
    ended: bool,
}

impl Reader {
    fn new(limits: &ExtractionLimits) -> Self {
        Self {
            out: TextBuilder::new(limits),
            groups: Vec::new(),
            group: Group {
                destination: Destination::Body,
                encoding: WINDOWS_1252,
                fallback_count: 1,
                hidden: false,
            },
            default_encoding: WINDOWS_1252,
            fonts: HashMap::new(),
            current_font: 0,
            pending: Vec::new(),
            high_surrogate: None,
            fallback_left: 0,
            title: String::new(),
            ended: false,
        }
    }

    fn read(&mut self, token: &Token<'_>) -> Result<(), ExtractionError> {
        match token {
            Token::Open => {
                self.flush()?;
                if self.groups.len() >= DEPTH_MAX {
                    return Err(ExtractionError::Corrupt(format!(
                        "RTF groups nested more than {DEPTH_MAX} deep"
                    )));
                }
                self.groups.push(self.group.clone());
            }
            Token::Close => {
                self.flush()?;
                self.close();
            }
            Token::Byte(_) if self.fallback_left > 0 => self.fallback_left -= 1,
            Token::Byte(byte) => self.pending.push(*byte),
            Token::Ignorable => self.group.destination = Destination::Skipped,
            Token::Word { name, number } => {
                if *name == "u" {
                    return self.unicode(number.unwrap_or(0));
                }
                self.flush()?;
                self.fallback_left = 0;
                self.word(name, *number)?;
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.group.destination == Destination::Title {
            self.out.set_title(&std::mem::take(&mut self.title));
        }
        match self.groups.pop() {
            Some(outer) => self.group = outer,
            None => self.ended = true,
        }
        self.ended |= self.groups.is_empty();
        self.fallback_left = 0;
    }

    fn word(&mut self, name: &str, number: Option<i32>) -> Result<(), ExtractionError> {
        match name {
            "fonttbl" => self.group.destination = Destination::FontTable,
            "info" => self.group.destination = Destination::Info,
            "title" if self.group.destination == Destination::Info => {
                self.group.destination = Destination::Title
            }
            _ if SKIPPED.contains(&name) => self.group.destination = Destination::Skipped,
            "ansicpg" => {
                if let Some(encoding) = number.and_then(code_page) {
                    self.default_encoding = encoding;
                    self.group.encoding = encoding;
                }
            }
            "f" if self.group.destination == Destination::FontTable => {
                self.current_font = number.unwrap_or(0)
            }
            "f" => {
                let font = number.unwrap_or(0);
                self.group.encoding = self.fonts.get(&font).copied().unwrap_or(self.default_encoding);
            }
            "fcharset" => {
                if let Some(encoding) = number.and_then(font_charset) {
                    self.fonts.insert(self.current_font, encoding);
                }
            }
            "plain" => {
                self.group.encoding = self.default_encoding;
                self.group.hidden = false;
            }
            "v" => self.group.hidden = number != Some(0),
            "uc" => self.group.fallback_count = usize::try_from(number.unwrap_or(1)).unwrap_or(1),
            _ if self.group.destination == Destination::Body && !self.group.hidden => {
                self.body_word(name, number)?
            }
            _ => {}
        }
        Ok(())
    }

    fn body_word(&mut self, name: &str, number: Option<i32>) -> Result<(), ExtractionError> {
        match name {
            "par" => self.out.end_paragraph(),
            "outlinelevel" => {
                if let Some(level) =
                    number.and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 9)
                {
                    self.out.mark_heading(level + 1);
                }
            }
            "page" => self.out.break_page()?,
            "sect" => self.out.start_page()?,
            "line" | "softline" => self.out.push("\n")?,
            "row" | "nestrow" => self.out.replace(Separator::Line),
            "cell" | "nestcell" => self.out.replace(Separator::Cell),
            "tab" => self.out.push("\t")?,
            _ => {
                if let Some(text) = symbol(name) {
                    self.out.push(text)?;
                }
            }
        }
        Ok(())
    }

    fn unicode(&mut self, number: i32) -> Result<(), ExtractionError> {
        self.flush_bytes()?;
        self.fallback_left = self.group.fallback_count;
        // Values above 32767 are written as negative numbers.
        let unit = (number & 0xffff) as u16;
        let text = match (self.high_surrogate.take(), unit) {
            (_, 0xd800..=0xdbff) => {
                self.high_surrogate = Some(unit);
                return Ok(());
            }
            (Some(high), 0xdc00..=0xdfff) => String::from_utf16_lossy(&[high, unit]),
            _ => String::from_utf16_lossy(&[unit]),
        };
        self.emit(&text)
    }

    fn flush(&mut self) -> Result<(), ExtractionError> {
        self.high_surrogate = None;
        self.flush_bytes()
    }

    fn flush_bytes(&mut self) -> Result<(), ExtractionError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.pending);
        let text = self.group.encoding.decode_without_bom_handling(&bytes).0;
        self.emit(&text)
    }

    fn emit(&mut self, text: &str) -> Result<(), ExtractionError> {
        match self.group.destination {
            Destination::Body if !self.group.hidden => self.out.push(text),
            Destination::Title => {
                self.title.push_str(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "emdash" => "—",
        "endash" => "–",
        "bullet" => "•",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "emspace" | "enspace" | "qmspace" | "~" => " ",
        "_" => "-",
        _ => return None,
    })
}

fn code_page(number: i32) -> Option<&'static Encoding> {
    let label = match number {
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        866 => "ibm866",
        874 => "windows-874",
        10000 => "macintosh",
        65001 => "utf-8",
        1250..=1258 => return Encoding::for_label(format!("windows-{number}").as_bytes()),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

fn font_charset(charset: i32) -> Option<&'static Encoding> {
    code_page(match charset {
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rtf: &[u8]) -> ExtractedText {
        extract(rtf, &ExtractionLimits::default()).unwrap()
    }

    #[test]
    fn text_code_pages_and_unicode_are_read() {
        let text = read(
            b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset128 Gothic;}}{\\info{\\title My title}}\
              {\\*\\generator x;}\\outlinelevel0 Head\\par\\pard caf\\'e9 \\u8364?\\uc0\\u-10179\\u-8704 \\f1\\'93\\'fa\\'96\\'7b\\f0\\par \
              a\\cell b\\cell\\row c\\cell\\row}",
        );
        assert_eq!(text.text, "Head\n\ncafé €😀日本\n\na | b\nc");
        assert_eq!(text.title.as_deref(), Some("My title"));
        assert_eq!(&text.text[text.headings[0].start..text.headings[0].end], "Head");
    }

    #[test]
    fn a_document_cut_short_is_corrupt() {
        assert!(matches!(
            extract(b"{\\rtf1 hello {\\b wor", &ExtractionLimits::default()),
            Err(ExtractionError::Corrupt(_))
        ));
    }
}
