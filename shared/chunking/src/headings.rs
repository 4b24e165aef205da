//! Headings as they lie in the text: with the markup around their words, and skipping spans that do not fit the
//! text. It finds no headings itself; that is the extraction's work.

use millrace_ports::HeadingSpan;

/// A heading with its markup (`## Title ##`), trimmed of white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadingLine {
    pub(crate) level: u8,
    /// Where its markup, or else its words, begin.
    pub(crate) start: usize,
    /// After its markup, or else its words.
    pub(crate) end: usize,
    /// The words alone.
    pub(crate) words: (usize, usize),
}

/// Markup is looked for this far from the words.
const MARKUP_BYTES_MAX: usize = 16;
/// Longer "headings" are misread paragraphs: a section begins there, but their text is split like any other.
pub(crate) const HEADING_BYTES_MAX: usize = 512;

/// Walks a document's headings in order.
#[derive(Debug, Clone)]
pub(crate) struct Headings<'a> {
    text: &'a str,
    rest: &'a [HeadingSpan],
    upcoming: Option<HeadingLine>,
}

impl<'a> Headings<'a> {
    pub(crate) const fn new(text: &'a str, spans: &'a [HeadingSpan]) -> Self {
        Self { text, rest: spans, upcoming: None }
    }

    /// The first heading that starts at `position` or after it; those before it are passed over for good.
    pub(crate) fn upcoming(&mut self, position: usize) -> Option<HeadingLine> {
        while self.upcoming.is_none_or(|heading| heading.start < position) {
            let (span, rest) = self.rest.split_first()?;
            (self.rest, self.upcoming) = (rest, heading_line(self.text, *span));
        }
        self.upcoming
    }

    /// The next heading, consuming it.
    pub(crate) fn next(&mut self) -> Option<HeadingLine> {
        let heading = self.upcoming(0);
        self.upcoming = None;
        heading
    }

    /// The next heading without consuming it.
    pub(crate) fn peek(&mut self) -> Option<HeadingLine> {
        self.upcoming(0)
    }
}

/// `None` if the span does not fit the text or holds nothing to read.
fn heading_line(text: &str, span: HeadingSpan) -> Option<HeadingLine> {
    let words = text.get(span.start..span.end)?;
    let start = span.start + (words.len() - words.trim_start().len());
    let end = start + words.trim().len();
    if start == end {
        return None;
    }
    let before = &text[text.floor_char_boundary(start.saturating_sub(MARKUP_BYTES_MAX))..start];
    let line = before.rfind('\n').map_or(before, |at| &before[at + 1..]);
    let markup = if is_markup(line) { line.trim_start().len() } else { 0 };
    let after = &text[end..text.floor_char_boundary(text.len().min(end + MARKUP_BYTES_MAX))];
    let line = after.split('\n').next().unwrap_or_default();
    let closing = if is_markup(line) { line.trim_end().len() } else { 0 };
    Some(HeadingLine {
        level: span.level.clamp(1, 6),
        start: start - markup,
        end: end + closing,
        words: (start, end),
    })
}

/// Whether a piece of a heading's line is only decoration: `## `, `**`, `1.2 `.
pub(crate) fn is_markup(piece: &str) -> bool {
    piece.chars().all(|character| {
        character.is_whitespace()
            || character.is_ascii_digit()
            || matches!(character, '#' | '*' | '=' | '_' | '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_belongs_to_its_heading() {
        let text = "text\n## 1.2 Title **\nmore";
        let at = text.find("Title").unwrap();
        let spans = [HeadingSpan { level: 2, start: at, end: at + 5 }];
        let heading = Headings::new(text, &spans).next().unwrap();
        assert_eq!(&text[heading.start..heading.end], "## 1.2 Title **");
    }

    #[test]
    fn spans_that_do_not_fit_are_passed_over() {
        let text = "é a";
        let spans = [
            HeadingSpan { level: 1, start: 1, end: 3 },
            HeadingSpan { level: 1, start: 2, end: 3 },
            HeadingSpan { level: 1, start: 3, end: 99 },
            HeadingSpan { level: 9, start: 3, end: 4 },
        ];
        let mut headings = Headings::new(text, &spans);
        assert_eq!(headings.next().map(|heading| (heading.words, heading.level)), Some(((3, 4), 6)));
        assert_eq!(headings.next(), None);
    }
}
