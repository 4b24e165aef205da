//! Walks a text once and yields its segments: headings, sentences, lines of tables, lists and code. Each says how
//! good a place its beginning is to cut. It counts no tokens; a segment is bounded in bytes only.

use crate::headings::{HEADING_BYTES_MAX, Headings};
use crate::sentences::{may_end_sentence, stop_at};
use millrace_ports::HeadingSpan;

/// How good a place is to cut, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Break {
    /// Between a heading and what it is the heading of.
    AfterHeading,
    /// Inside a word.
    Character,
    /// Between words of a sentence.
    Word,
    /// Between lines of a sentence.
    Line,
    /// Between sentences, or lines of a table, a list or code.
    Sentence,
    /// Between paragraphs.
    Paragraph,
    /// Before a heading of a lower level.
    Section,
    /// Before a heading of the top levels.
    Chapter,
}

/// Headings of this level and above part chapters.
const CHAPTER_LEVEL: u8 = 2;

/// A piece of text without white space around it. Between two segments lies nothing but white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What lies between the segment before and this one.
    pub(crate) before: Break,
}

/// The segments of a text, in order.
#[derive(Debug, Clone)]
pub(crate) struct Segments<'a> {
    text: &'a str,
    headings: Headings<'a>,
    bytes_max: usize,
    position: usize,
    /// How the last segment ended.
    ended_by: Break,
}

impl<'a> Segments<'a> {
    pub(crate) const fn new(text: &'a str, headings: &'a [HeadingSpan], bytes_max: usize) -> Self {
        Self {
            text,
            headings: Headings::new(text, headings),
            bytes_max,
            position: 0,
            ended_by: Break::Paragraph,
        }
    }

    /// A heading, a sentence, a line or as much as `bytes_max` allows, from `start` on.
    fn segment(&mut self, start: usize, gap: Break) -> Segment {
        let mut before = self.ended_by.max(gap);
        let mut heading = self.headings.upcoming(start);
        if let Some(found) = heading.filter(|found| found.start == start) {
            before = if found.level <= CHAPTER_LEVEL { Break::Chapter } else { Break::Section };
            if found.end - start <= HEADING_BYTES_MAX.min(self.bytes_max) {
                return self.finish(start, found.end, self.glued(before), Break::AfterHeading);
            }
            heading = self.headings.upcoming(start + 1);
        }
        let limit = heading.map_or(self.text.len(), |found| found.start);
        let (end, ended_by) = scan(self.text, start, limit, self.bytes_max);
        self.finish(start, end, self.glued(before), ended_by)
    }

    /// Whatever follows a heading stays with it, even another heading.
    fn glued(&self, before: Break) -> Break {
        if self.ended_by == Break::AfterHeading { Break::AfterHeading } else { before }
    }

    fn finish(&mut self, start: usize, end: usize, before: Break, ended_by: Break) -> Segment {
        (self.position, self.ended_by) = (end, ended_by);
        Segment { start, end: start + self.text[start..end].trim_end().len(), before }
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let rest = &self.text[self.position..];
        let words = rest.trim_start();
        if words.is_empty() {
            self.position = self.text.len();
            return None;
        }
        let gap = &rest[..rest.len() - words.len()];
        let start = self.position + gap.len();
        Some(self.segment(start, gap_break(gap)))
    }
}

/// What a stretch of white space parts. A single line break parts nothing by itself.
fn gap_break(gap: &str) -> Break {
    let lines = gap.bytes().filter(|byte| *byte == b'\n').take(2).count();
    if lines == 2 || gap.contains(['\u{c}', '\u{2029}']) { Break::Paragraph } else { Break::Character }
}

/// Finds the end of the segment that begins at `start`, at most `limit`, and what ends it.
fn scan(text: &str, start: usize, limit: usize, bytes_max: usize) -> (usize, Break) {
    let bound = limit.min(text.floor_char_boundary(limit.min(start + bytes_max)));
    let mut line = Line::beginning_at(text, start);
    let (mut last_line, mut last_space) = (None, None);
    let mut at = start;
    while at < bound {
        let Some(character) = text[at..].chars().next() else { break };
        if character == '\n' {
            if is_blank_line_next(text, at) {
                return (at, Break::Paragraph);
            }
            let next = line.followed_by(Line::beginning_at(text, at + 1));
            if next.begins_unit || line.is_row(text, at) {
                return (at, Break::Sentence);
            }
            (line, last_line) = (next, Some(at));
        } else if matches!(character, '\u{c}' | '\u{2029}') {
            return (at, Break::Paragraph);
        } else if matches!(character, '\t' | '|') {
            line.is_row = true;
            last_space = if character == '\t' { Some(at) } else { last_space };
        } else if may_end_sentence(character) {
            let stop = stop_at(text, start, at);
            if stop.ends_sentence && stop.end <= bound {
                return (stop.end, Break::Sentence);
            }
            at = stop.end;
            continue;
        } else if character.is_whitespace() {
            last_space = Some(at);
        }
        at += character.len_utf8();
    }
    if bound == limit { (limit, Break::Sentence) } else { forced(text, start, bound, last_line, last_space) }
}

/// Where to cut a segment that has reached its bound in bytes.
fn forced(
    text: &str,
    start: usize,
    bound: usize,
    line: Option<usize>,
    space: Option<usize>,
) -> (usize, Break) {
    let middle = start + (bound - start) / 2;
    match (line, space) {
        (Some(at), _) if at >= middle => (at, Break::Line),
        (_, Some(at)) => (at, Break::Word),
        (Some(at), None) => (at, Break::Line),
        (None, None) => (cluster_boundary(text, start, bound), Break::Character),
    }
}

/// The last place in `(start, bound]` that does not tear a character from its accent or an emoji apart, looking
/// back a little; else `bound`.
fn cluster_boundary(text: &str, start: usize, bound: usize) -> usize {
    const LOOK_BACK: usize = 16;
    let tail = text[start..bound].char_indices().rev().take(LOOK_BACK).map(|(at, _)| start + at);
    std::iter::once(bound).chain(tail).find(|at| *at > start && !joins(text, *at)).unwrap_or(bound)
}

/// Whether the characters on both sides of `at` are seen as one. Knows combining marks of the common scripts,
/// variation selectors, emoji sequences and flags; it is no full grapheme segmentation.
pub(crate) fn joins(text: &str, at: usize) -> bool {
    let is_flag_letter = |character: char| matches!(character, '\u{1f1e6}'..='\u{1f1ff}');
    let (Some(before), Some(after)) = (text[..at].chars().next_back(), text[at..].chars().next()) else {
        return false;
    };
    before == '\u{200d}'
        || (is_flag_letter(before) && is_flag_letter(after))
        || matches!(after,
            '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{93a}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}'
            | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200d}'
            | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

fn is_blank_line_next(text: &str, newline: usize) -> bool {
    let after = text[newline + 1..]
        .trim_start_matches(|character: char| character.is_whitespace() && character != '\n');
    after.is_empty() || after.starts_with('\n')
}

/// A line under scan: of running text, or of a list, a table or code.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    /// It is an item of a list, or goes on with one.
    in_item: bool,
    /// It is indented as code is.
    is_indented: bool,
    /// It is a row of a table: the line after it is something else.
    is_row: bool,
    /// The line before must not run on into it.
    begins_unit: bool,
}

impl Line {
    fn beginning_at(text: &str, start: usize) -> Self {
        let line = &text.as_bytes()[start..];
        let (in_item, is_indented) =
            (begins_item(line), line.starts_with(b"    ") || line.starts_with(b"\t"));
        let is_row = matches!(line, [b'|', ..] | [b'`', b'`', b'`', ..]);
        Self { start, in_item, is_indented, is_row, begins_unit: in_item || is_row || is_indented }
    }

    /// What `next` is after this line: within an item of a list, an indented line goes on with the item.
    const fn followed_by(self, next: Self) -> Self {
        let goes_on = self.in_item && next.is_indented;
        Self { in_item: self.in_item || next.in_item, begins_unit: next.begins_unit && !goes_on, ..next }
    }

    /// Whether a row of a table or a line of code ends at `end`.
    fn is_row(self, text: &str, end: usize) -> bool {
        let is_code = self.is_indented && !self.in_item;
        self.is_row || is_code || text[self.start..end].trim_end().ends_with(['{', '}', ';'])
    }
}

/// Bullets and numbers at the beginning of a line.
fn begins_item(line: &[u8]) -> bool {
    let indentation = line.iter().take(8).take_while(|byte| **byte == b' ').count();
    let line = &line[indentation..];
    let digits = line.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    match line {
        [b'-' | b'*' | b'+', b' ', ..] => true,
        [0xe2, 0x80, 0xa2 | 0xa3, ..] | [0xe2, 0x96, 0xaa | 0xab, ..] => true,
        _ if (1..=3).contains(&digits) => matches!(line[digits..], [b'.' | b')', b' ', ..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments<'a>(text: &'a str, headings: &[HeadingSpan], bytes_max: usize) -> Vec<(&'a str, Break)> {
        Segments::new(text, headings, bytes_max)
            .map(|found| (&text[found.start..found.end], found.before))
            .collect()
    }

    #[test]
    fn sentences_and_paragraphs_are_told_apart() {
        let text = "  One two\nthree. Four.\n \nFive";
        let expected =
            [("One two\nthree.", Break::Paragraph), ("Four.", Break::Sentence), ("Five", Break::Paragraph)];
        assert_eq!(segments(text, &[], 999), expected);
    }

    #[test]
    fn lines_of_lists_tables_and_code_stand_alone() {
        let text = "Intro\n- one\n- two\n\nname\t1\nother\t2\nif x {\n    y();\n}";
        let words: Vec<_> = segments(text, &[], 999).into_iter().map(|(words, _)| words).collect();
        let wrapped = "- one\n  goes on\n      and on\n- two\n> quoted\n> text";
        let items: Vec<_> = segments(wrapped, &[], 999).into_iter().map(|(words, _)| words).collect();
        assert_eq!(items, ["- one\n  goes on\n      and on", "- two\n> quoted\n> text"]);
        assert_eq!(words, ["Intro", "- one", "- two", "name\t1", "other\t2", "if x {", "y();", "}"]);
    }

    #[test]
    fn headings_stay_with_what_follows() {
        let text = "# A\n\n### B\ntext here. More.\n# C\nend";
        let heading = |level, word: &str| {
            let start = text.find(word).unwrap();
            HeadingSpan { level, start, end: start + 1 }
        };
        let found = segments(text, &[heading(1, "A"), heading(3, "B"), heading(1, "C")], 999);
        let expected = [
            ("# A", Break::Chapter),
            ("### B", Break::AfterHeading),
            ("text here.", Break::AfterHeading),
            ("More.", Break::Sentence),
            ("# C", Break::Chapter),
            ("end", Break::AfterHeading),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bound_in_bytes_cuts_at_lines_then_words_then_characters() {
        let breaks = |text| segments(text, &[], 8).into_iter().map(|(words, _)| words).collect::<Vec<_>>();
        assert_eq!(breaks("aa bbb\nccc ddd"), ["aa bbb", "ccc ddd"]);
        assert_eq!(breaks("aaaa bbbb cccc"), ["aaaa", "bbbb", "cccc"]);
        assert_eq!(breaks("👍🏽👍🏽"), ["👍🏽", "👍🏽"]);
        assert_eq!(breaks("aaaaaaaaaaa"), ["aaaaaaaa", "aaa"]);
    }
}
