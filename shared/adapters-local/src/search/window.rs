//! Up to 65,536 slots for chunks, with everything a search needs to know of them. A search holds windows as they were
//! when it began; a writer changes its own copy (`Arc::make_mut`), so neither waits for the other.

use std::ops::Range;
use std::sync::Arc;

use super::bits::Bits;
use super::entry::Entry;
use super::segment::{SEGMENT_CHUNKS_MAX, Segment};
use super::vector_block::{Row, VectorBlocks};

/// Slots of a window.
pub(super) const WINDOW_SLOTS: u32 = SEGMENT_CHUNKS_MAX as u32;
/// Segments are merged once so many at the end of a window have become as much as the one before them.
const MERGED_SEGMENTS_MIN: usize = 4;
/// A window with less room gets hardly any chunks any more and is made one segment.
const FULL_ROOM_MAX: u32 = 256;
/// A window with fewer used slots is not worth compacting.
const COMPACTED_SLOTS_MIN: u32 = 256;

/// A window of slots. A slot is used once, for one chunk; when that is purged or replaced, it is dead.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    segments: Vec<Arc<Segment>>,
    used: u32,
    dead: u32,
    live: Bits,
    /// Slots whose words may be found.
    words: Bits,
    has_vector: Bits,
    /// Slots whose vector may be found.
    meaning: Bits,
    vectors: VectorBlocks,
    visible_chunks: u64,
    visible_length: u64,
}

/// What is worth doing with a window besides its daily changes.
#[derive(Debug)]
pub(super) enum Upkeep {
    /// Make one segment of these.
    Merge(Range<usize>),
    /// Leave the dead slots out.
    Compact,
}

impl Window {
    /// Slots that were never used.
    pub(super) fn room(&self) -> u32 {
        WINDOW_SLOTS - self.used
    }

    /// Parts of the inverted index, in the order of their slots.
    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Slots whose words may be found.
    pub(super) fn words(&self) -> &Bits {
        &self.words
    }

    /// Slots whose vectors may be found.
    pub(super) fn meaning(&self) -> &Bits {
        &self.meaning
    }

    /// The vectors.
    pub(super) fn vectors(&self) -> &VectorBlocks {
        &self.vectors
    }

    /// How many chunks can be found by their words, and the sum of their lengths.
    pub(super) fn statistics(&self) -> (u64, u64) {
        (self.visible_chunks, self.visible_length)
    }

    /// Whose chunk is in a slot, and which.
    pub(super) fn chunk(&self, slot: u32) -> (&Arc<Entry>, u32) {
        let segment = self.segment(slot);
        segment.chunk(slot - segment.first)
    }

    fn segment(&self, slot: u32) -> &Segment {
        let after = self.segments.partition_point(|segment| segment.first <= slot);
        &self.segments[after - 1]
    }

    fn length(&self, slot: u32) -> u64 {
        let segment = self.segment(slot);
        u64::from(segment.lengths()[(slot - segment.first) as usize])
    }

    /// Takes a segment into the next free slots, and says which is the first.
    pub(super) fn append(&mut self, mut segment: Segment) -> u32 {
        let first = self.used;
        segment.first = first;
        self.used += segment.len();
        (first..self.used).for_each(|slot| self.live.set(slot));
        self.segments.push(Arc::new(segment));
        first
    }

    /// Makes the words of a live slot visible, and its vector if `meaning`.
    pub(super) fn show(&mut self, slot: u32, meaning: bool) {
        if !self.words.get(slot) {
            self.words.set(slot);
            self.visible_chunks += 1;
            self.visible_length += self.length(slot);
        }
        if meaning && self.has_vector.get(slot) {
            self.meaning.set(slot);
        } else {
            self.meaning.clear(slot);
        }
    }

    /// Makes a slot invisible.
    pub(super) fn hide(&mut self, slot: u32) {
        if self.words.get(slot) {
            self.words.clear(slot);
            self.visible_chunks -= 1;
            self.visible_length -= self.length(slot);
        }
        self.meaning.clear(slot);
    }

    /// Gives a slot up for good, and hands out its vector.
    pub(super) fn kill(&mut self, slot: u32) -> Option<Row> {
        self.hide(slot);
        self.live.clear(slot);
        self.dead += 1;
        let row = self.has_vector.get(slot).then(|| self.vectors.row(slot)).flatten();
        self.has_vector.clear(slot);
        row
    }

    /// Stores the vector of a live slot; whether it fits its neighbours.
    pub(super) fn set_vector(&mut self, slot: u32, row: &Row) -> bool {
        let stored = self.vectors.set(slot, row);
        if stored {
            self.has_vector.set(slot);
        }
        stored
    }

    /// Whether no slot is alive.
    pub(super) fn is_empty(&self) -> bool {
        self.dead == self.used
    }

    /// What should be done about it, if anything.
    pub(super) fn upkeep(&self) -> Option<Upkeep> {
        let worth_it = self.used >= COMPACTED_SLOTS_MIN || self.is_empty();
        if self.dead * 4 > self.used && worth_it {
            return Some(Upkeep::Compact);
        }
        let count = self.segments.len();
        if self.room() < FULL_ROOM_MAX && count > 1 {
            return Some(Upkeep::Merge(0..count));
        }
        // The first segment that is not larger than all that follow it together: merging from there at least
        // doubles what it is part of, so that a posting is copied a logarithmic number of times.
        let mut after = self.used;
        let first = self.segments.iter().position(|segment| {
            after -= segment.len();
            segment.len() <= after
        })?;
        (count - first >= MERGED_SEGMENTS_MIN).then_some(Upkeep::Merge(first..count))
    }

    /// Puts a merged segment in the place of its parts, unless they are no longer there.
    pub(super) fn replace_segments(&mut self, parts: &[Arc<Segment>], merged: Segment) -> bool {
        let Some(first) = parts.first() else { return false };
        let Some(at) = self.segments.iter().position(|segment| Arc::ptr_eq(segment, first)) else {
            return false;
        };
        let range = at..at + parts.len();
        let same = |there: &[Arc<Segment>]| there.iter().zip(parts).all(|(a, b)| Arc::ptr_eq(a, b));
        if !self.segments.get(range.clone()).is_some_and(same) {
            return false;
        }
        self.segments.splice(range, [Arc::new(merged)]);
        true
    }

    /// The same chunks in the same order, without the dead slots.
    pub(super) fn compacted(&self) -> Self {
        let mut places = vec![None; self.used as usize];
        let mut compact = Self::default();
        for slot in (0..self.used).filter(|&slot| self.live.get(slot)) {
            let place = compact.used;
            compact.used += 1;
            places[slot as usize] = Some(place);
            compact.live.set(place);
            if self.words.get(slot) {
                compact.words.set(place);
            }
            if self.meaning.get(slot) {
                compact.meaning.set(place);
            }
            if self.has_vector.get(slot)
                && let Some(row) = self.vectors.row(slot)
            {
                compact.set_vector(place, &row);
            }
        }
        let mut segment = Segment::rebuild(&self.segments, |slot| places[slot as usize]);
        segment.first = 0;
        compact.segments.push(Arc::new(segment));
        compact.visible_chunks = self.visible_chunks;
        compact.visible_length = self.visible_length;
        compact
    }

    /// Bytes in memory, without the entries.
    pub(super) fn bytes(&self) -> usize {
        let postings: usize = self.segments.iter().map(|segment| segment.bytes()).sum();
        postings + self.vectors.bytes() + 4 * self.used as usize / 8
    }
}
