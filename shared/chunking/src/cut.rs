//! Where a chunk ends and where the next one begins, given the units at hand. Pure choice over counts and breaks:
//! it sees neither text nor tokenizer.

use std::collections::VecDeque;

use crate::policy::ChunkingPolicy;
use crate::segments::Break;
use crate::units::Unit;

/// The units at hand: first those repeated from the chunk before, then new ones.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) units: VecDeque<Unit>,
    /// How many leading units the chunk before already holds.
    pub(crate) repeated: usize,
    /// Whether the text ends with the last unit.
    pub(crate) is_last: bool,
}

impl Window {
    pub(crate) fn tokens(&self, count: usize) -> u32 {
        self.units.iter().take(count).map(|unit| unit.tokens).sum()
    }

    /// Length in bytes of the first `count` units with what lies between them.
    pub(crate) fn bytes(&self, count: usize) -> usize {
        match (self.units.front(), count.checked_sub(1).and_then(|last| self.units.get(last))) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        }
    }

    /// Whether white space lies between each two of the first `count` units.
    pub(crate) fn is_parted_by_space(&self, count: usize) -> bool {
        let starts = self.units.iter().take(count).skip(1).map(|unit| unit.start);
        self.units.iter().map(|unit| unit.end).zip(starts).all(|(end, start)| end < start)
    }

    /// Whether enough is at hand to choose a cut.
    pub(crate) fn is_full(&self, tokens: u32, policy: &ChunkingPolicy) -> bool {
        self.is_last
            || tokens >= u32::from(policy.tokens_max()) + policy.tail_tokens_min()
            || self.bytes(self.units.len()) > 2 * policy.bytes_max()
    }

    /// Drops repeated units until the first new one fits into a chunk with them.
    pub(crate) fn make_room(&mut self, policy: &ChunkingPolicy) {
        while self.repeated > 0 && !self.fits(self.repeated + 1, policy) {
            self.drop_first();
        }
    }

    /// Drops the first unit, which the chunk before must hold.
    pub(crate) fn drop_first(&mut self) {
        self.units.pop_front();
        self.repeated = self.repeated.saturating_sub(1);
    }

    fn fits(&self, count: usize, policy: &ChunkingPolicy) -> bool {
        self.tokens(count) <= u32::from(policy.tokens_max()) && self.bytes(count) <= policy.bytes_max()
    }

    /// How many units the next chunk takes: at least one new one, and no more than fit.
    pub(crate) fn cut(&self, policy: &ChunkingPolicy) -> usize {
        let least = self.repeated + 1;
        let most = self.count_that_fits(policy).max(least);
        let region = self.region(policy);
        if let Some(count) = region.filter(|count| *count <= most) {
            return count.max(least);
        }
        // A little more than fits is left: cut earlier, so that the rest is not a scrap.
        let tokens_max = u32::from(policy.tokens_max());
        let total = region.map(|count| self.tokens(count));
        let ceiling = match total {
            Some(total) if total < tokens_max + policy.tail_tokens_min() => {
                total.saturating_sub(policy.tail_tokens_min())
            }
            _ => tokens_max,
        };
        let target = u32::from(policy.tokens_target());
        self.best(least, most, target, ceiling)
            .or_else(|| self.best(least, most, target / 2, tokens_max))
            .or_else(|| self.best(least, most, 0, tokens_max))
            .unwrap_or(most)
    }

    /// The most units, from the first on, that fit into a chunk.
    fn count_that_fits(&self, policy: &ChunkingPolicy) -> usize {
        let mut tokens = 0;
        let start = self.units.front().map_or(0, |first| first.start);
        self.units
            .iter()
            .take_while(|unit| {
                tokens += unit.tokens;
                tokens <= u32::from(policy.tokens_max()) && unit.end - start <= policy.bytes_max()
            })
            .count()
    }

    /// How many units lie before the next chapter or the end of the text, if that is in sight. A chapter's heading
    /// does not count while the chunk is too small, nor if next to nothing follows it in the text.
    fn region(&self, policy: &ChunkingPolicy) -> Option<usize> {
        let total = self.tokens(self.units.len());
        let mut tokens = 0;
        for (count, unit) in self.units.iter().enumerate() {
            let follows = !self.is_last || total - tokens >= policy.tail_tokens_min();
            let is_end = unit.before == Break::Chapter && count > self.repeated;
            if is_end && tokens >= policy.section_tokens_min() && follows {
                return Some(count);
            }
            tokens += unit.tokens;
        }
        self.is_last.then_some(self.units.len())
    }

    /// The best place to cut among those that give a chunk of `floor` to `ceiling` tokens; the latest of equals.
    fn best(&self, least: usize, most: usize, floor: u32, ceiling: u32) -> Option<usize> {
        let mut tokens = 0;
        let mut best: Option<(Break, usize)> = None;
        for (count, unit) in self.units.iter().enumerate().take(most + 1) {
            let allowed = count >= least && (floor..=ceiling).contains(&tokens);
            if allowed && best.is_none_or(|(kind, _)| unit.before >= kind) {
                best = Some((unit.before, count));
            }
            tokens += unit.tokens;
        }
        best.map(|(_, count)| count)
    }

    /// Moves on after a chunk of `count` units, keeping whole sentences of its end for the next one. Nothing is
    /// repeated across a heading, and something of the chunk is always left behind.
    pub(crate) fn advance(&mut self, count: usize, policy: &ChunkingPolicy) {
        let kept = self.units.get(count).map_or(0, |next| self.overlap(count, next.before, policy));
        self.units.drain(..count - kept);
        self.repeated = kept;
    }

    fn overlap(&self, count: usize, cut_at: Break, policy: &ChunkingPolicy) -> usize {
        if cut_at >= Break::Section {
            return 0;
        }
        // Inside an endless sentence, whole words must do.
        let grain = if cut_at < Break::Sentence { Break::Word } else { Break::Sentence };
        let (mut tokens, mut kept) = (0, 0);
        let end = self.units[count - 1].end;
        for at in (1..count).rev() {
            let unit = self.units[at];
            tokens += unit.tokens;
            let bytes = end - unit.start;
            if tokens > u32::from(policy.overlap_tokens()) || bytes > policy.overlap_bytes_max() {
                break;
            }
            if unit.before >= grain {
                kept = count - at;
            }
            if unit.before >= Break::Section {
                break;
            }
        }
        kept
    }
}
