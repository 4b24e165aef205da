//! An immutable piece of the inverted index: for each term the chunks that hold it, for each chunk whose it is.
//! Several of them lie side by side in a window of slots; which chunks may be seen is not known here.
//!
//! Three bytes a posting: a 16-bit slot, counted from the segment's first, and an 8-bit count, where a 32-bit slot and
//! a 16-bit count would take six to eight. No further packing: scoring reads postings as they lie.

use std::sync::Arc;

use super::entry::Entry;
use millrace_words::ChunkTerms;
use millrace_words::{TERM_BITS, Term};

/// Chunks of one segment at most, so that a slot fits 16 bits and the scores of a segment the second-level cache.
pub(super) const SEGMENT_CHUNKS_MAX: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 16;
const COUNT_BITS: u32 = 8;
const _: () = assert!(TERM_BITS + SLOT_BITS + COUNT_BITS == u64::BITS, "a posting packs into 64 bits");

/// Collects chunks that will be one segment.
#[derive(Debug, Default)]
pub(super) struct SegmentBuilder {
    /// Term, slot and count, from the highest bits down.
    postings: Vec<u64>,
    lengths: Vec<u16>,
    owners: Vec<u32>,
    chunks: Vec<u32>,
}

impl SegmentBuilder {
    /// Adds a chunk of the entry that will stand at `owner`; its slot is its place in the order of the calls.
    ///
    /// # Panics
    /// If there are `SEGMENT_CHUNKS_MAX` chunks already.
    pub(super) fn push(&mut self, owner: u32, chunk: u32, terms: &ChunkTerms) {
        let slot = u16::try_from(self.chunks.len()).expect("callers begin a new segment before one is full");
        let slot = u64::from(slot) << COUNT_BITS;
        let packed =
            |&(term, count): &(Term, u8)| term.0 << (SLOT_BITS + COUNT_BITS) | slot | u64::from(count);
        self.postings.extend(terms.terms.iter().map(packed));
        self.lengths.push(u16::try_from(terms.length).unwrap_or(u16::MAX));
        self.owners.push(owner);
        self.chunks.push(chunk);
    }

    /// Inverts what was collected. The entries and the first slot are filled in when the segment gets its place.
    pub(super) fn build(mut self) -> Segment {
        self.postings.sort_unstable();
        let count = self.postings.len();
        let mut segment = Segment {
            slots: Vec::with_capacity(count),
            counts: Vec::with_capacity(count),
            lengths: self.lengths.into(),
            owners: self.owners.into(),
            chunks: self.chunks.into(),
            ..Segment::default()
        };
        for posting in self.postings {
            segment.begin_term(Term(posting >> (SLOT_BITS + COUNT_BITS)));
            segment.slots.push((posting >> COUNT_BITS) as u16);
            segment.counts.push(posting as u8);
        }
        segment.finish()
    }
}

/// Part of the inverted index over consecutive slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    /// The slot, within its window, of the first chunk.
    pub(super) first: u32,
    /// Whose chunks they are.
    pub(super) entries: Vec<Arc<Entry>>,
    /// Ascending.
    terms: Vec<Term>,
    /// Where each term's postings begin; one more than there are terms.
    starts: Vec<u32>,
    slots: Vec<u16>,
    counts: Vec<u8>,
    lengths: Box<[u16]>,
    owners: Box<[u32]>,
    chunks: Box<[u32]>,
}

/// The chunks that hold one term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Postings<'a> {
    /// Slots within the segment, ascending.
    pub(super) slots: &'a [u16],
    /// How often the term occurs there.
    pub(super) counts: &'a [u8],
}

impl Segment {
    /// Number of slots.
    pub(super) fn len(&self) -> u32 {
        self.chunks.len() as u32
    }

    /// Whose chunk is in a slot of this segment, and which.
    pub(super) fn chunk(&self, slot: u32) -> (&Arc<Entry>, u32) {
        let slot = slot as usize;
        (&self.entries[self.owners[slot] as usize], self.chunks[slot])
    }

    /// Position of the owner of a slot among `entries`.
    pub(super) fn owner(&self, slot: u32) -> usize {
        self.owners[slot as usize] as usize
    }

    /// Words of each chunk, by slot.
    pub(super) fn lengths(&self) -> &[u16] {
        &self.lengths
    }

    /// The chunks that hold a term.
    pub(super) fn postings(&self, term: Term) -> Option<Postings<'_>> {
        let at = self.terms.binary_search(&term).ok()?;
        Some(self.postings_at(at))
    }

    fn postings_at(&self, at: usize) -> Postings<'_> {
        let range = self.starts[at] as usize..self.starts[at + 1] as usize;
        Postings { slots: &self.slots[range.clone()], counts: &self.counts[range] }
    }

    /// Bytes in memory, without the entries.
    pub(super) fn bytes(&self) -> usize {
        let per_term = self.terms.len() * size_of::<Term>() + self.starts.len() * size_of::<u32>();
        per_term + self.slots.len() * 3 + self.chunks.len() * 10 + self.entries.len() * 8
    }

    /// One segment from several that follow each other, over the same slots.
    pub(super) fn merge(parts: &[Arc<Segment>]) -> Self {
        let first = parts.first().map_or(0, |part| part.first);
        Self::rebuild(parts, |slot| Some(slot - first))
    }

    /// One segment with only those slots, counted in their window, that `place` gives a new place, in the same order.
    pub(super) fn rebuild(parts: &[Arc<Segment>], place: impl Fn(u32) -> Option<u32>) -> Self {
        let postings = parts.iter().map(|part| part.slots.len()).sum();
        let mut merged = Self {
            first: parts.first().map_or(0, |part| part.first),
            slots: Vec::with_capacity(postings),
            counts: Vec::with_capacity(postings),
            ..Self::default()
        };
        merged.take_chunks(parts, &place);
        let mut heads = vec![0; parts.len()];
        let term_of = |part: usize, at: usize| parts[part].terms.get(at).copied();
        while let Some(term) = heads.iter().enumerate().filter_map(|(part, &at)| term_of(part, at)).min() {
            for (part, at) in heads.iter_mut().enumerate() {
                if term_of(part, *at) == Some(term) {
                    merged.take_postings(term, &parts[part], *at, &place);
                    *at += 1;
                }
            }
        }
        merged.finish()
    }

    fn take_chunks(&mut self, parts: &[Arc<Segment>], place: &impl Fn(u32) -> Option<u32>) {
        let (mut lengths, mut owners, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let mut owner_of = vec![None; part.entries.len()];
            for slot in (0..part.len()).filter(|&slot| place(part.first + slot).is_some()) {
                let owner = *owner_of[part.owner(slot)].get_or_insert_with(|| self.owner_index(part, slot));
                lengths.push(part.lengths[slot as usize]);
                owners.push(owner);
                chunks.push(part.chunks[slot as usize]);
            }
        }
        (self.lengths, self.owners, self.chunks) = (lengths.into(), owners.into(), chunks.into());
    }

    /// The place of a slot's entry here. The parts of one document mostly follow each other.
    fn owner_index(&mut self, part: &Segment, slot: u32) -> u32 {
        let entry = part.chunk(slot).0;
        if !self.entries.last().is_some_and(|last| Arc::ptr_eq(last, entry)) {
            self.entries.push(Arc::clone(entry));
        }
        self.entries.len() as u32 - 1
    }

    fn take_postings(&mut self, term: Term, part: &Segment, at: usize, place: &impl Fn(u32) -> Option<u32>) {
        let postings = part.postings_at(at);
        for (&slot, &count) in postings.slots.iter().zip(postings.counts) {
            if let Some(slot) = place(part.first + u32::from(slot)) {
                self.begin_term(term);
                self.slots.push(slot as u16);
                self.counts.push(count);
            }
        }
    }

    fn begin_term(&mut self, term: Term) {
        if self.terms.last() != Some(&term) {
            self.terms.push(term);
            self.starts.push(self.slots.len() as u32);
        }
    }

    fn finish(mut self) -> Self {
        self.starts.push(self.slots.len() as u32);
        self.terms.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.slots.shrink_to_fit();
        self.counts.shrink_to_fit();
        self.entries.shrink_to_fit();
        self
    }
}
