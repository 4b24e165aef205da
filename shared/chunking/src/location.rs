//! Says on which page and under which headings a position lies. Positions must be asked for in ascending order,
//! so that a whole document costs one walk over its pages and headings.

use millrace_ports::{HeadingSpan, PageSpan};

use crate::headings::{HeadingLine, Headings, is_markup};

/// Longest heading path in characters; outer headings are dropped first.
const PATH_CHARACTERS_MAX: usize = 240;
/// Longest single heading in a path in characters.
const HEADING_CHARACTERS_MAX: usize = 96;
const SEPARATOR: &str = " > ";

/// A cursor over pages and headings.
#[derive(Debug)]
pub(crate) struct Locator<'a> {
    text: &'a str,
    pages: &'a [PageSpan],
    headings: Headings<'a>,
    page: Option<u32>,
    /// The headings that hold now, outermost first, and their path.
    open: Vec<(u8, String)>,
    path: Option<String>,
}

impl<'a> Locator<'a> {
    pub(crate) const fn new(text: &'a str, pages: &'a [PageSpan], headings: &'a [HeadingSpan]) -> Self {
        Self {
            text,
            pages,
            headings: Headings::new(text, headings),
            page: None,
            open: Vec::new(),
            path: None,
        }
    }

    /// The page that holds `position`, or the last one before it.
    pub(crate) fn page(&mut self, position: usize) -> Option<u32> {
        while let Some((page, rest)) = self.pages.split_first().filter(|(page, _)| page.start <= position) {
            (self.page, self.pages) = (Some(page.number), rest);
        }
        self.page
    }

    /// The headings that hold at `position`, outermost first. Where the text begins with headings there, one upon
    /// the other, all of them hold.
    pub(crate) fn heading_path(&mut self, position: usize) -> Option<&str> {
        let mut reach = position;
        let mut changed = false;
        while let Some(heading) = self.headings.peek().filter(|heading| self.holds(heading, reach)) {
            self.headings.next();
            self.open_heading(&heading);
            if heading.end >= reach {
                let after = &self.text[heading.end..];
                reach = heading.end + (after.len() - after.trim_start().len());
            }
            changed = true;
        }
        if changed {
            self.path = path(&self.open);
        }
        self.path.as_deref()
    }

    fn holds(&self, heading: &HeadingLine, reach: usize) -> bool {
        const NEAR_BYTES: usize = 16;
        heading.start <= reach
            || (heading.start - reach <= NEAR_BYTES
                && self.text.get(reach..heading.start).is_some_and(is_markup))
    }

    fn open_heading(&mut self, heading: &HeadingLine) {
        let outer =
            self.open.iter().position(|(level, _)| *level >= heading.level).unwrap_or(self.open.len());
        self.open.truncate(outer);
        self.open.push((heading.level, shortened(&self.text[heading.words.0..heading.words.1])));
    }
}

/// One line, without runs of white space, of bounded length.
fn shortened(words: &str) -> String {
    let mut line = String::new();
    let mut characters = 0;
    for word in words.split_whitespace() {
        if characters > 0 {
            line.push(' ');
            characters += 1;
        }
        for character in word.chars() {
            if characters >= HEADING_CHARACTERS_MAX {
                line.truncate(line.trim_end().len());
                line.push('…');
                return line;
            }
            line.push(character);
            characters += 1;
        }
    }
    line
}

fn path(open: &[(u8, String)]) -> Option<String> {
    let mut left = PATH_CHARACTERS_MAX;
    let kept = open.iter().rev().take_while(|(_, words)| {
        let length = words.chars().count() + SEPARATOR.len();
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    });
    let first = open.len() - kept.count();
    let words: Vec<&str> = open[first..].iter().map(|(_, words)| words.as_str()).collect();
    (!words.is_empty()).then(|| words.join(SEPARATOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_levels() {
        let text = "Book\nOne\nintro\nMethods\nmore\nTwo\nend";
        let heading = |level, word: &str| {
            let start = text.find(word).unwrap();
            HeadingSpan { level, start, end: start + word.len() }
        };
        let headings = [heading(1, "Book"), heading(2, "One"), heading(3, "Methods"), heading(2, "Two")];
        let mut locator = Locator::new(text, &[], &headings);
        let mut at = |word: &str| locator.heading_path(text.find(word).unwrap()).map(str::to_owned);
        assert_eq!(at("Book").as_deref(), Some("Book > One"), "headings upon each other all hold");
        assert_eq!(at("intro").as_deref(), Some("Book > One"));
        assert_eq!(at("more").as_deref(), Some("Book > One > Methods"));
        assert_eq!(at("end").as_deref(), Some("Book > Two"));
    }

    #[test]
    fn the_path_is_bounded_and_keeps_the_nearest() {
        let long = "word ".repeat(1000);
        let open: Vec<(u8, String)> = (1..=6).map(|level| (level, shortened(&long))).collect();
        let path = path(&open).unwrap();
        assert!(path.chars().count() <= PATH_CHARACTERS_MAX);
        assert!(path.contains(SEPARATOR) && path.ends_with('…'));
    }

    #[test]
    fn a_position_between_pages_counts_to_the_one_before() {
        let pages = [PageSpan { number: 1, start: 2, end: 4 }, PageSpan { number: 2, start: 8, end: 9 }];
        let mut locator = Locator::new("0123456789", &pages, &[]);
        let found = [0, 2, 5, 8, 9].map(|position| locator.page(position));
        assert_eq!(found, [None, Some(1), Some(1), Some(2), Some(2)]);
    }
}
