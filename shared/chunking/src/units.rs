//! Segments with their number of tokens, none larger than a chunk may be: what chunks are put together from.
//! The text is tokenized here once, a block of a few kilobytes at a time. Choosing cuts is done elsewhere.

use std::collections::VecDeque;

use millrace_ports::Tokenizer;

use crate::segments::{Break, Segment, Segments, joins};

/// A segment, or a piece of one, and its number of tokens as counted within its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) tokens: u32,
    pub(crate) before: Break,
}

/// Segments are tokenized together up to this many bytes.
const BLOCK_BYTES: usize = 4096;
/// A segment too large for a chunk falls into pieces of this fraction of a chunk.
const PIECES_PER_CHUNK: usize = 8;

/// The units of a text, in order.
#[derive(Debug)]
pub(crate) struct Units<'a> {
    text: &'a str,
    tokenizer: &'a dyn Tokenizer,
    tokens_max: usize,
    segments: std::iter::Peekable<Segments<'a>>,
    block: Vec<Segment>,
    ends: Vec<usize>,
    ready: VecDeque<Unit>,
}

impl<'a> Units<'a> {
    pub(crate) fn new(
        text: &'a str,
        segments: Segments<'a>,
        tokenizer: &'a dyn Tokenizer,
        tokens_max: u16,
    ) -> Self {
        Self {
            text,
            tokenizer,
            tokens_max: usize::from(tokens_max),
            segments: segments.peekable(),
            block: Vec::new(),
            ends: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Reads a block of segments and turns it into units.
    fn refill(&mut self) {
        self.block.clear();
        let Some(first) = self.segments.next() else { return };
        self.block.push(first);
        while let Some(next) = self.segments.next_if(|next| next.end - first.start <= BLOCK_BYTES) {
            self.block.push(next);
        }
        let end = self.block.last().map_or(first.end, |last| last.end);
        self.tokenizer.token_ends(&self.text[first.start..end], &mut self.ends);
        for token_end in &mut self.ends {
            *token_end += first.start;
        }
        let mut ends = self.ends.as_slice();
        for segment in &self.block {
            let (inside, after) = ends.split_at(ends.partition_point(|token_end| *token_end <= segment.end));
            ends = after;
            if inside.len() <= self.tokens_max {
                self.ready.push_back(unit(*segment, inside.len()));
            } else {
                self.ready.extend(pieces(self.text, *segment, inside, self.tokens_max / PIECES_PER_CHUNK));
            }
        }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        if self.ready.is_empty() {
            self.refill();
        }
        self.ready.pop_front()
    }
}

fn unit(segment: Segment, tokens: usize) -> Unit {
    let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
    Unit { start: segment.start, end: segment.end, tokens, before: segment.before }
}

/// Cuts a segment into pieces of at most `size` tokens at line ends, else between words, else between characters.
/// `ends` are the offsets in the text after each of its tokens.
pub(crate) fn pieces(text: &str, segment: Segment, mut ends: &[usize], size: usize) -> Vec<Unit> {
    let size = size.max(1);
    let mut found = Vec::new();
    let mut rest = segment;
    while ends.len() > size {
        let Some((count, kind)) = cut_tokens(text, rest, ends, size) else { break };
        let at = ends[count - 1];
        // A token may hold white space; a piece neither begins nor ends with it.
        let end = rest.start + text[rest.start..at].trim_end().len();
        found.push(unit(Segment { end, ..rest }, count));
        let gap = text[at..segment.end].len() - text[at..segment.end].trim_start().len();
        rest = Segment { start: at + gap, end: segment.end, before: kind };
        ends = &ends[count..];
        if rest.start >= rest.end {
            return found;
        }
    }
    found.push(unit(rest, ends.len()));
    found
}

/// How many of the tokens of `rest` its first piece takes, and what it is cut at. `None` if it cannot be cut.
fn cut_tokens(text: &str, rest: Segment, ends: &[usize], size: usize) -> Option<(usize, Break)> {
    let cut = |count: usize| {
        let at = ends[count - 1];
        // Several tokens may end on one character; the cut comes after the last of them.
        let inside = at > rest.start && at < rest.end && ends.get(count).is_none_or(|next| *next > at);
        inside.then(|| (break_at(text, at), count))
    };
    let best = (size / 2 + 1..=size).filter_map(cut).filter(|(kind, _)| *kind > Break::AfterHeading).max();
    let (kind, count) = best.or_else(|| (size + 1..ends.len()).find_map(cut))?;
    Some((count, kind.max(Break::Character)))
}

/// What a cut in the middle of a segment would part; `AfterHeading`, the worst, if it would tear a character apart.
fn break_at(text: &str, at: usize) -> Break {
    let start = text[..at].trim_end().len();
    let gap = &text[start..at + (text[at..].len() - text[at..].trim_start().len())];
    if gap.contains('\n') {
        Break::Line
    } else if !gap.is_empty() {
        Break::Word
    } else if joins(text, at) {
        Break::AfterHeading
    } else {
        Break::Character
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut<'a>(text: &'a str, ends: &[usize], size: usize) -> Vec<(&'a str, u32)> {
        let whole = Segment { start: 0, end: text.len(), before: Break::Paragraph };
        pieces(text, whole, ends, size)
            .iter()
            .map(|unit| (&text[unit.start..unit.end], unit.tokens))
            .collect()
    }

    #[test]
    fn pieces_end_at_lines_before_words_before_characters() {
        assert_eq!(cut("aa bb\ncc dd", &[2, 5, 8, 11], 3), [("aa bb", 2), ("cc dd", 2)]);
        assert_eq!(cut("aabb cc dd", &[2, 4, 7, 10], 3), [("aabb cc", 3), ("dd", 1)]);
        assert_eq!(cut("aabbccdd", &[2, 4, 6, 8], 3), [("aabbcc", 3), ("dd", 1)]);
    }

    #[test]
    fn tokens_of_one_character_are_not_parted() {
        assert_eq!(cut("éx", &[2, 2, 2, 3], 2), [("é", 3), ("x", 1)]);
        assert_eq!(cut("x", &[1, 1, 1], 2), [("x", 3)]);
    }
}
