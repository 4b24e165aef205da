//! Builds the text of one document: normalises what the parsers push, keeps paragraphs apart by exactly
//! one empty line, and records where pages and headings lie.
//!
//! Spans are fixed when the first visible character of a page or heading is written and when it ends, so
//! they always lie on character boundaries and never inside trimmed white space. It deliberately knows
//! nothing of any format.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits, HeadingSpan, PageSpan};

/// What goes between the text written so far and the next visible character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Separator {
    None,
    Space,
    Cell,
    Line,
    Paragraph,
}

impl Separator {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Space => " ",
            Self::Cell => " | ",
            Self::Line => "\n",
            Self::Paragraph => "\n\n",
        }
    }
}

/// Most headings that are marked; what comes after them stays text. A file of nothing but headings would otherwise
/// have a hundred bytes of spans for each of its own.
pub(crate) const HEADINGS_MAX: usize = 100_000;
const TITLE_CHARS_MAX: usize = 300;
/// What programs write for want of a title.
const PLACEHOLDER_TITLES: [&str; 4] = ["untitled", "(anonymous)", "document1", "powerpoint presentation"];

#[derive(Debug)]
struct OpenHeading {
    level: u8,
    start: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct TextBuilder {
    text: String,
    /// Where the last visible character ends. Kept, because looking for it costs as much as the blanks behind it.
    visible_end: usize,
    separator: Separator,
    pages: Vec<PageSpan>,
    page_start: Option<Option<usize>>,
    headings: Vec<HeadingSpan>,
    heading: Option<OpenHeading>,
    title: Option<String>,
    text_bytes_max: u64,
    pages_max: u32,
}

impl TextBuilder {
    pub(crate) fn new(limits: &ExtractionLimits) -> Self {
        Self {
            text: String::new(),
            visible_end: 0,
            separator: Separator::None,
            pages: Vec::new(),
            page_start: None,
            headings: Vec::new(),
            heading: None,
            title: None,
            text_bytes_max: limits.text_bytes_max,
            pages_max: limits.pages_max,
        }
    }

    /// Appends text. Line breaks are kept (at most one empty line in a row), control characters are not.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), ExtractionError> {
        let bytes = text.as_bytes();
        let mut from = 0;
        while from < bytes.len() {
            let run = bytes[from..].iter().position(|&byte| is_special(byte)).unwrap_or(bytes.len() - from);
            if run > 0 {
                self.push_plain(&text[from..from + run])?;
                from += run;
                continue;
            }
            let Some(character) = text[from..].chars().next() else { break };
            let crlf = character == '\r' && bytes.get(from + 1) == Some(&b'\n');
            from += if crlf { 2 } else { character.len_utf8() };
            self.push_special(character)?;
        }
        Ok(())
    }

    /// Appends text with every run of white space turned into one space, as markup wants it.
    pub(crate) fn push_collapsed(&mut self, text: &str) -> Result<(), ExtractionError> {
        if text.starts_with(char::is_whitespace) {
            self.request(Separator::Space);
        }
        let mut words = text.split_whitespace();
        if let Some(first) = words.next() {
            self.push(first)?;
            for word in words {
                self.request(Separator::Space);
                self.push(word)?;
            }
            if text.ends_with(char::is_whitespace) {
                self.request(Separator::Space);
            }
        }
        Ok(())
    }

    /// Asks for at least this separator before the next visible character.
    pub(crate) fn request(&mut self, separator: Separator) {
        self.separator = self.separator.max(separator);
    }

    /// Puts this separator in the place of any weaker or stronger one asked for, except a paragraph's end.
    pub(crate) fn replace(&mut self, separator: Separator) {
        if self.separator != Separator::Paragraph {
            self.separator = separator;
        }
    }

    /// Ends the paragraph, and with it an open heading.
    pub(crate) fn end_paragraph(&mut self) {
        self.end_heading();
        self.request(Separator::Paragraph);
    }

    /// Ends the line, and with it an open heading.
    pub(crate) fn end_line(&mut self) {
        self.end_heading();
        self.request(Separator::Line);
    }

    /// Starts a heading as a paragraph of its own; `end_paragraph` ends it.
    pub(crate) fn start_heading(&mut self, level: u8) {
        self.end_paragraph();
        self.heading = Some(OpenHeading { level: level.clamp(1, 6), start: None });
    }

    /// Makes what is pushed until the end of the paragraph a heading, without a break before it.
    pub(crate) fn mark_heading(&mut self, level: u8) {
        self.heading = Some(OpenHeading { level: level.clamp(1, 6), start: None });
    }

    /// Records a heading that lies in text already written.
    pub(crate) fn add_heading(&mut self, heading: HeadingSpan) {
        if self.headings.len() < HEADINGS_MAX {
            self.headings.push(heading);
        }
    }

    /// Starts the next page as a paragraph of its own, ending the one before.
    pub(crate) fn start_page(&mut self) -> Result<(), ExtractionError> {
        self.end_paragraph();
        self.break_page()
    }

    /// Starts the next page in the middle of a paragraph.
    pub(crate) fn break_page(&mut self) -> Result<(), ExtractionError> {
        self.end_page();
        if self.pages.len() as u64 >= u64::from(self.pages_max) {
            return Err(too_many_pages(self.pages_max));
        }
        self.page_start = Some(None);
        Ok(())
    }

    /// Whether anything visible was written since the page started.
    pub(crate) fn page_has_text(&self) -> bool {
        matches!(self.page_start, Some(Some(_)))
    }

    /// Number of pages started so far.
    pub(crate) fn page_count(&self) -> usize {
        self.pages.len() + usize::from(self.page_start.is_some())
    }

    /// Forgets all pages: the document turned out to have no page marks.
    pub(crate) fn forget_pages(&mut self) {
        self.pages.clear();
        self.page_start = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Offset at which the next visible character will be written.
    pub(crate) fn next_offset(&self) -> usize {
        if self.text.is_empty() { 0 } else { self.visible_end + self.separator.as_str().len() }
    }

    pub(crate) fn set_title(&mut self, title: &str) {
        let clean = clean_title(title);
        let says_nothing = PLACEHOLDER_TITLES.contains(&clean.to_lowercase().as_str());
        if !clean.is_empty() && !says_nothing && self.title.is_none() {
            self.title = Some(clean);
        }
    }

    /// Ends the document. No visible character at all is `Empty`, with the reason given.
    pub(crate) fn finish(
        mut self,
        media_type: &str,
        empty_reason: &str,
    ) -> Result<ExtractedText, ExtractionError> {
        self.end_heading();
        self.end_page();
        let end = self.visible_end;
        debug_assert_eq!(end, self.text.trim_end().len());
        if end == 0 {
            return Err(ExtractionError::Empty(empty_reason.to_owned()));
        }
        self.text.truncate(end);
        Ok(ExtractedText {
            media_type: media_type.to_owned(),
            text: self.text,
            pages: self.pages,
            headings: self.headings,
            title: self.title,
        })
    }

    fn push_plain(&mut self, run: &str) -> Result<(), ExtractionError> {
        let visible = run.trim_start_matches([' ', '\t', '\u{3000}']);
        if visible.is_empty() {
            return self.push_blank(run);
        }
        let at_start = self.text.is_empty() || self.separator > Separator::None;
        // Indentation survives after a line break (code), not at the start of a paragraph.
        let run = if at_start { visible } else { run };
        let separator = if self.text.is_empty() { "" } else { self.separator.as_str() };
        if (self.text.len() + separator.len() + run.len()) as u64 > self.text_bytes_max {
            return Err(ExtractionError::TooLarge(format!(
                "more than {} bytes of text",
                self.text_bytes_max
            )));
        }
        if self.separator > Separator::None {
            self.text.truncate(self.visible_end);
            self.text.push_str(separator);
            self.separator = Separator::None;
        }
        let start = self.text.len() + run.len() - visible.len();
        let shown = run.trim_end().len();
        if shown > 0 {
            self.visible_end = self.text.len() + shown;
        }
        self.text.push_str(run);
        if let Some(page @ None) = &mut self.page_start {
            *page = Some(start);
        }
        if let Some(OpenHeading { start: heading @ None, .. }) = &mut self.heading {
            *heading = Some(start);
        }
        Ok(())
    }

    fn push_blank(&mut self, run: &str) -> Result<(), ExtractionError> {
        if self.separator == Separator::None && !self.text.is_empty() {
            if (self.text.len() + run.len()) as u64 > self.text_bytes_max {
                return Err(ExtractionError::TooLarge(format!(
                    "more than {} bytes of text",
                    self.text_bytes_max
                )));
            }
            self.text.push_str(run);
        }
        Ok(())
    }

    fn push_special(&mut self, character: char) -> Result<(), ExtractionError> {
        match character {
            '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
                if self.heading.is_some() =>
            {
                self.request(Separator::Space);
                Ok(())
            }
            '\u{2029}' => {
                self.request(Separator::Paragraph);
                Ok(())
            }
            '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' => {
                self.push_newline();
                Ok(())
            }
            '\u{a0}' => self.push_plain(" "),
            '\u{ad}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => Ok(()),
            other if other.is_control() => Ok(()),
            other => self.push_plain(other.encode_utf8(&mut [0; 4])),
        }
    }

    fn push_newline(&mut self) {
        if self.separator > Separator::None || self.text.is_empty() {
            // A second line break in a row makes a paragraph of the asked-for line.
            if self.separator == Separator::Line {
                self.separator = Separator::Paragraph;
            } else if self.separator < Separator::Line {
                self.separator = Separator::Line;
            }
            return;
        }
        let trimmed = self.text.trim_end_matches([' ', '\t']).len();
        self.text.truncate(trimmed);
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn end_heading(&mut self) {
        if let Some(OpenHeading { level, start: Some(start) }) = self.heading.take() {
            let end = self.visible_end;
            if end > start && self.headings.len() < HEADINGS_MAX {
                self.headings.push(HeadingSpan { level, start, end });
            }
        }
    }

    fn end_page(&mut self) {
        let Some(start) = self.page_start.take() else { return };
        let trimmed = self.visible_end;
        let number = u32::try_from(self.pages.len()).unwrap_or(u32::MAX).saturating_add(1);
        let start = start.unwrap_or(trimmed);
        self.pages.push(PageSpan { number, start, end: trimmed.max(start) });
    }
}

/// A title on one line and of bounded length: it travels in events.
pub(crate) fn clean_title(title: &str) -> String {
    let words = title.split_whitespace().take(TITLE_CHARS_MAX).collect::<Vec<_>>().join(" ");
    words.chars().filter(|character| !character.is_control()).take(TITLE_CHARS_MAX).collect()
}

pub(crate) fn too_many_pages(pages_max: u32) -> ExtractionError {
    ExtractionError::TooManyPages(format!("more than {pages_max} pages"))
}

/// Bytes at which a character begins that needs a look: controls, and the lead bytes of U+0080..U+00BF,
/// of the line and paragraph separators, and of the byte order mark.
fn is_special(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f || byte == 0xc2 || byte == 0xe2 || byte == 0xef
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(build: impl FnOnce(&mut TextBuilder)) -> ExtractedText {
        let mut builder = TextBuilder::new(&ExtractionLimits::default());
        build(&mut builder);
        builder.finish("text/plain", "empty").unwrap()
    }

    #[test]
    fn paragraphs_are_apart_by_one_empty_line() {
        let text = built(|out| {
            out.push("\u{feff}\r\n  one \r\n\r\n\r\n\r\ntwo\0\u{7}\n").unwrap();
            out.end_paragraph();
            out.push("three").unwrap();
        });
        assert_eq!(text.text, "one\n\ntwo\n\nthree");
    }

    #[test]
    fn emoji_and_right_to_left_text_survive() {
        let words = "שלום مرحبا 👩‍👩‍👧 “quoted” … é";
        assert_eq!(built(|out| out.push(words).unwrap()).text, words);
    }

    #[test]
    fn spans_start_and_end_at_visible_characters() {
        let text = built(|out| {
            out.start_page().unwrap();
            out.start_heading(1);
            out.push("  Head\nline ").unwrap();
            out.end_paragraph();
            out.push("body ").unwrap();
            out.break_page().unwrap();
            out.push("more").unwrap();
            out.start_page().unwrap();
        });
        assert_eq!(text.text, "Head line\n\nbody more");
        assert_eq!(text.headings, [HeadingSpan { level: 1, start: 0, end: 9 }]);
        let pages: Vec<_> = text.pages.iter().map(|page| &text.text[page.start..page.end]).collect();
        assert_eq!(pages, ["Head line\n\nbody", "more", ""]);
    }

    #[test]
    fn ending_pages_behind_a_long_blank_costs_no_more_than_elsewhere() {
        // Looking through the blank for each of the pages would be 200 GB of looking.
        const PAGES: u32 = 20_000;
        let text = built(|out| {
            out.start_page().unwrap();
            out.push("word").unwrap();
            out.push(&" ".repeat(10 << 20)).unwrap();
            for _ in 1..PAGES {
                out.break_page().unwrap();
            }
        });
        assert_eq!((text.text.as_str(), text.pages.len()), ("word", PAGES as usize));
    }

    #[test]
    fn headings_and_titles_are_bounded() {
        let text = built(|out| {
            out.set_title(&"long ".repeat(1000));
            for _ in 0..=HEADINGS_MAX {
                out.start_heading(1);
                out.push("again").unwrap();
            }
        });
        assert_eq!(text.headings.len(), HEADINGS_MAX);
        assert_eq!(text.title.unwrap().chars().count(), TITLE_CHARS_MAX);
    }

    #[test]
    fn the_text_limit_holds() {
        let limits = ExtractionLimits { text_bytes_max: 10, ..ExtractionLimits::default() };
        let mut builder = TextBuilder::new(&limits);
        builder.push("12345").unwrap();
        builder.end_paragraph();
        assert!(matches!(builder.push("6789"), Err(ExtractionError::TooLarge(_))));
    }
}
