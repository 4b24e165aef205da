//! The streaming chunker: fills a window of units, cuts a chunk off it, counts it where counts may not add up, and
//! moves on. Finding units and choosing cuts is done elsewhere.

use std::iter::FusedIterator;

use millrace_domain::ChunkIndex;
use millrace_ports::Tokenizer;

use crate::cut::Window;
use crate::document_text::DocumentText;
use crate::location::Locator;
use crate::policy::{ChunkingPolicy, TokenCounting};
use crate::segments::{Segment, Segments};
use crate::units::{Units, pieces};

/// One chunk; its text is `text[start..end]` of the document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChunk {
    /// Its position among the document's chunks.
    pub index: ChunkIndex,
    /// Byte offset of its first character, which is not white space.
    pub start: usize,
    /// Byte offset after its last character, which is not white space.
    pub end: usize,
    /// The page on which it starts.
    pub page: Option<u32>,
    /// The headings over its start, outermost first: `Chapter 2 > Methods`. At most 240 characters.
    pub heading: Option<String>,
    /// Its tokens, without the markers that a model adds.
    pub token_count: u16,
}

/// Splits a document's text into chunks, in order.
///
/// Every character that is not white space is in at least one chunk. No chunk has more tokens than
/// `policy.tokens_max()` or more bytes than `policy.bytes_max()`, except where a single character has. A chunk ends,
/// in order of preference, before a heading, at the end of a paragraph, a sentence, a line, a word. Chunks start in
/// strictly ascending order, and a chunk repeats at most `policy.overlap_tokens()` of the one before. The time is
/// linear in the text, the memory bounded by a few chunks.
pub fn chunks<'a>(
    document: DocumentText<'a>,
    tokenizer: &'a dyn Tokenizer,
    policy: ChunkingPolicy,
) -> Chunks<'a> {
    let DocumentText { text, pages, headings } = document;
    let segments = Segments::new(text, headings, policy.bytes_max());
    Chunks {
        text,
        tokenizer,
        policy,
        units: Units::new(text, segments, tokenizer, policy.tokens_max()),
        locator: Locator::new(text, pages, headings),
        window: Window::default(),
        ends: Vec::new(),
        next_index: 0,
    }
}

/// The chunks of one document; made by [`chunks`].
#[derive(Debug)]
pub struct Chunks<'a> {
    text: &'a str,
    tokenizer: &'a dyn Tokenizer,
    policy: ChunkingPolicy,
    units: Units<'a>,
    locator: Locator<'a>,
    window: Window,
    ends: Vec<usize>,
    next_index: u32,
}

impl Chunks<'_> {
    fn fill_window(&mut self) {
        let mut tokens = self.window.tokens(self.window.units.len());
        while !self.window.is_full(tokens, &self.policy) {
            match self.units.next() {
                Some(unit) => {
                    tokens += unit.tokens;
                    self.window.units.push_back(unit);
                }
                None => self.window.is_last = true,
            }
        }
    }

    /// The chunk's tokens, and how many units it takes: fewer than `count` if those turn out to be too many.
    fn counted(&mut self, mut count: usize) -> (usize, usize) {
        let tokens_max = usize::from(self.policy.tokens_max());
        loop {
            let tokens = self.count_tokens(count);
            let Some(excess) = tokens.checked_sub(tokens_max).filter(|excess| *excess > 0) else {
                return (count, tokens);
            };
            if count > self.window.repeated + 1 {
                count = self.without_excess(count, excess);
            } else if self.window.repeated > 0 {
                self.window.drop_first();
                count -= 1;
            } else if !self.split_first() {
                return (count, tokens);
            }
        }
    }

    /// Tokens of the first `count` units as one text.
    fn count_tokens(&mut self, count: usize) -> usize {
        let start = self.window.units[0].start;
        let end = self.window.units[count - 1].end;
        let adds_up = self.policy.counting() == TokenCounting::AddsUpAtWhiteSpace
            && self.text[..start].chars().next_back().is_none_or(char::is_whitespace)
            && self.text[end..].chars().next().is_none_or(char::is_whitespace)
            && self.window.is_parted_by_space(count);
        if adds_up {
            return self.window.tokens(count) as usize;
        }
        self.tokenizer.token_ends(&self.text[start..end], &mut self.ends);
        self.ends.len()
    }

    /// Leaves out units worth `excess` tokens, keeping at least one new one.
    fn without_excess(&self, mut count: usize, excess: usize) -> usize {
        let mut left_out = 0;
        while count > self.window.repeated + 1 && left_out < excess {
            count -= 1;
            left_out += self.window.units[count].tokens.max(1) as usize;
        }
        count
    }

    /// Replaces the first unit, which alone is too large, by pieces. `false` if it is a single character.
    fn split_first(&mut self) -> bool {
        let first = self.window.units[0];
        self.tokenizer.token_ends(&self.text[first.start..first.end], &mut self.ends);
        for token_end in &mut self.ends {
            *token_end += first.start;
        }
        let segment = Segment { start: first.start, end: first.end, before: first.before };
        let found = pieces(self.text, segment, &self.ends, usize::from(self.policy.tokens_max()) / 2);
        if found.len() < 2 {
            return false;
        }
        self.window.units.pop_front();
        for unit in found.into_iter().rev() {
            self.window.units.push_front(unit);
        }
        true
    }
}

impl Iterator for Chunks<'_> {
    type Item = TextChunk;

    fn next(&mut self) -> Option<TextChunk> {
        self.fill_window();
        if self.window.units.len() <= self.window.repeated {
            self.window.units.clear();
            self.window.repeated = 0;
            return None;
        }
        self.window.make_room(&self.policy);
        let (count, tokens) = self.counted(self.window.cut(&self.policy));
        let (start, end) = (self.window.units[0].start, self.window.units[count - 1].end);
        let chunk = TextChunk {
            index: ChunkIndex::new(self.next_index),
            start,
            end,
            page: self.locator.page(start),
            heading: self.locator.heading_path(start).map(str::to_owned),
            token_count: u16::try_from(tokens).unwrap_or(u16::MAX),
        };
        self.next_index = self.next_index.saturating_add(1);
        self.window.advance(count, &self.policy);
        Some(chunk)
    }
}

impl FusedIterator for Chunks<'_> {}
