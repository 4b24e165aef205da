//! One collection of one tenant in memory: where its chunks are and which of them may be seen. All changes come from
//! the thread that commits, in commit order, so that memory shows what the database holds; the rest only reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_domain::{ChunkIndex, DocumentId, Generation};
use rustc_hash::FxHashMap;

use super::entry::Entry;
use super::segment::Segment;
use super::vector_block::Row;
use super::window::{Upkeep, WINDOW_SLOTS, Window};

/// What queries may see of a document: a generation, and whether its vectors too.
pub(crate) type Visible = Option<(Generation, bool)>;

/// The collection.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    windows: Vec<Arc<Window>>,
    documents: FxHashMap<DocumentId, Placement>,
    /// Length of the vectors, once there is one.
    dimensions: Option<usize>,
    /// Somebody is at the upkeep.
    upkeep: bool,
}

/// Where a document's chunks are.
#[derive(Debug, Default)]
struct Placement {
    visible: Visible,
    generations: Vec<Written>,
}

/// One generation's chunks.
#[derive(Debug)]
struct Written {
    entry: Arc<Entry>,
    /// Chunk and slot, ascending by chunk.
    slots: Vec<(u32, Slot)>,
}

/// A place in the collection: window times `WINDOW_SLOTS` plus the slot in it.
type Slot = u32;

impl Collection {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state sound at each step where it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The windows as they are now.
    pub(super) fn windows(&self) -> Vec<Arc<Window>> {
        self.lock().windows.clone()
    }

    /// Length of the vectors, once there is one.
    pub(super) fn dimensions(&self) -> Option<usize> {
        self.lock().dimensions
    }

    /// Shows of a document what its head publishes, and nothing else.
    pub(crate) fn publish(&self, document: DocumentId, visible: Visible) {
        self.lock().publish(document, visible);
    }

    /// A collection without chunks that shows of each document what this one shows.
    pub(crate) fn published_alike(&self) -> Self {
        let state = self.lock();
        let shown = state.documents.iter().filter(|(_, placement)| placement.visible.is_some());
        let alike = |(document, placement): (&DocumentId, &Placement)| {
            (*document, Placement { visible: placement.visible, generations: Vec::new() })
        };
        let documents = shown.map(alike).collect();
        Self { state: Mutex::new(State { documents, ..State::default() }) }
    }

    /// Whether it holds no chunks.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().windows.is_empty()
    }

    /// Takes chunks of some generations, whose places in `entries` the segment names. Chunks that were there are
    /// replaced and keep their vectors.
    pub(super) fn put(&self, entries: Vec<Entry>, segment: Segment) {
        self.lock().put(entries, segment);
    }

    /// Takes vectors of chunks; those of chunks that are not there are dropped.
    pub(super) fn put_vectors(
        &self,
        document: DocumentId,
        generation: Generation,
        dimensions: usize,
        rows: &[(ChunkIndex, Row)],
    ) {
        self.lock().put_vectors(document, generation, dimensions, rows);
    }

    /// Forgets one generation of a document, or all.
    pub(super) fn purge(&self, document: DocumentId, generation: Option<Generation>) {
        self.lock().purge(document, generation);
    }

    /// Merges segments and compacts windows until nothing is left to do or somebody else is at it. Long work is done
    /// on a copy; what changed meanwhile is left for the next time.
    pub(super) fn upkeep(&self) {
        let Some(_turn) = Turn::take(self) else { return };
        let mut from = 0;
        while let Some((at, window, upkeep)) = self.next_upkeep(from) {
            let done = match upkeep {
                Upkeep::Merge(range) => self.merge(at, &window.segments()[range]),
                Upkeep::Compact => self.compact(at, &window),
            };
            from = if done { at } else { at + 1 };
        }
    }

    fn next_upkeep(&self, from: usize) -> Option<(usize, Arc<Window>, Upkeep)> {
        let state = self.lock();
        let found = |(at, window): (usize, &Arc<Window>)| Some((at, Arc::clone(window), window.upkeep()?));
        state.windows.iter().enumerate().skip(from).find_map(found)
    }

    fn merge(&self, at: usize, parts: &[Arc<Segment>]) -> bool {
        let merged = Segment::merge(parts);
        let mut state = self.lock();
        let window = state.windows.get_mut(at);
        window.is_some_and(|window| Arc::make_mut(window).replace_segments(parts, merged))
    }

    fn compact(&self, at: usize, window: &Arc<Window>) -> bool {
        let compact = if window.is_empty() { Window::default() } else { window.compacted() };
        self.lock().replace_window(at, window, compact)
    }

    /// Bytes in memory of everything but the documents' names and metadata.
    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        let windows: usize = state.windows.iter().map(|window| window.bytes()).sum();
        let written = state.documents.values().flat_map(|placement| &placement.generations);
        windows + written.map(|written| written.slots.capacity() * 8 + size_of::<Written>()).sum::<usize>()
    }
}

/// The right to do the upkeep, given back even by a panic.
struct Turn<'a>(&'a Collection);

impl<'a> Turn<'a> {
    fn take(collection: &'a Collection) -> Option<Self> {
        let taken = std::mem::replace(&mut collection.lock().upkeep, true);
        (!taken).then_some(Self(collection))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().upkeep = false;
    }
}

impl State {
    fn publish(&mut self, document: DocumentId, visible: Visible) {
        let placement = self.documents.entry(document).or_default();
        if placement.visible == visible {
            return;
        }
        for written in placement.generations.iter().filter(|written| placement.sees(written)) {
            written.slots.iter().for_each(|&(_, slot)| window_of(&mut self.windows, slot).hide(within(slot)));
        }
        placement.visible = visible;
        for written in placement.generations.iter().filter(|written| placement.sees(written)) {
            let meaning = placement.sees_meaning(written);
            for &(_, slot) in &written.slots {
                window_of(&mut self.windows, slot).show(within(slot), meaning);
            }
        }
        if placement.is_vacant() {
            self.documents.remove(&document);
        }
    }

    fn put(&mut self, entries: Vec<Entry>, mut segment: Segment) {
        let documents = &mut self.documents;
        let known = |entry: Entry| documents.entry(entry.document_id).or_default().entry(entry);
        segment.entries = entries.into_iter().map(known).collect();
        let chunks: Vec<_> = (0..segment.len())
            .map(|slot| segment.chunk(slot))
            .map(|(entry, chunk)| (entry.document_id, entry.generation, chunk))
            .collect();
        let at = self.window_with_room(segment.len());
        let first = at as u32 * WINDOW_SLOTS + Arc::make_mut(&mut self.windows[at]).append(segment);
        for ((document, generation, chunk), slot) in chunks.into_iter().zip(first..) {
            self.place(document, generation, chunk, slot);
        }
    }

    /// Notes that a chunk is now in a new slot.
    fn place(&mut self, document: DocumentId, generation: Generation, chunk: u32, slot: Slot) {
        let placement = self.documents.entry(document).or_default();
        let visible = placement.visible.filter(|visible| visible.0 == generation);
        let written = placement.generation_mut(generation);
        let replaced = written.and_then(|written| written.place(chunk, slot));
        let row = replaced.and_then(|old| window_of(&mut self.windows, old).kill(within(old)));
        let window = window_of(&mut self.windows, slot);
        if let Some(row) = row {
            window.set_vector(within(slot), &row);
        }
        if let Some((_, meaning)) = visible {
            window.show(within(slot), meaning);
        }
    }

    /// A window with so much room, the last one by preference; its place.
    fn window_with_room(&mut self, slots: u32) -> usize {
        let fits = |window: &Arc<Window>| window.room() >= slots;
        self.windows.iter().rposition(fits).unwrap_or_else(|| {
            self.windows.push(Arc::default());
            self.windows.len() - 1
        })
    }

    fn put_vectors(
        &mut self,
        document: DocumentId,
        generation: Generation,
        dimensions: usize,
        rows: &[(ChunkIndex, Row)],
    ) {
        let Some(placement) = self.documents.get(&document) else { return };
        let Some(written) = placement.generation(generation) else { return };
        let meaning = placement.sees_meaning(written);
        for (chunk, row) in rows {
            let Some(slot) = written.slot(chunk.get()) else { continue };
            let window = window_of(&mut self.windows, slot);
            if !window.set_vector(within(slot), row) {
                tracing::error!(dimensions, "a vector of another length than its neighbours is left out");
            } else if placement.sees(written) {
                window.show(within(slot), meaning);
            }
            self.dimensions = Some(dimensions);
        }
    }

    fn purge(&mut self, document: DocumentId, generation: Option<Generation>) {
        let Some(placement) = self.documents.get_mut(&document) else { return };
        let purged = |written: &mut Written| generation.is_none_or(|one| one == written.entry.generation);
        for written in placement.generations.extract_if(.., purged) {
            for (_, slot) in written.slots {
                window_of(&mut self.windows, slot).kill(within(slot));
            }
        }
        if placement.is_vacant() {
            self.documents.remove(&document);
        }
        if self.windows.iter().all(|window| window.is_empty()) {
            self.windows.clear();
            self.dimensions = None;
        }
    }

    /// Installs a compacted window, unless the original has changed.
    fn replace_window(&mut self, at: usize, original: &Arc<Window>, compact: Window) -> bool {
        if !self.windows.get(at).is_some_and(|window| Arc::ptr_eq(window, original)) {
            return false;
        }
        for segment in compact.segments() {
            for slot in 0..segment.len() {
                let (entry, chunk) = segment.chunk(slot);
                let placement = self.documents.get_mut(&entry.document_id);
                let written = placement.and_then(|placement| placement.generation_mut(entry.generation));
                if let Some(written) = written {
                    written.place(chunk, at as u32 * WINDOW_SLOTS + segment.first + slot);
                }
            }
        }
        self.windows[at] = Arc::new(compact);
        true
    }
}

fn window_of(windows: &mut [Arc<Window>], slot: Slot) -> &mut Window {
    Arc::make_mut(&mut windows[(slot / WINDOW_SLOTS) as usize])
}

const fn within(slot: Slot) -> u32 {
    slot % WINDOW_SLOTS
}

impl Placement {
    fn sees(&self, written: &Written) -> bool {
        self.visible.is_some_and(|(generation, _)| generation == written.entry.generation)
    }

    fn sees_meaning(&self, written: &Written) -> bool {
        self.visible.is_some_and(|(generation, vectors)| vectors && generation == written.entry.generation)
    }

    fn is_vacant(&self) -> bool {
        self.visible.is_none() && self.generations.is_empty()
    }

    fn generation(&self, generation: Generation) -> Option<&Written> {
        self.generations.iter().find(|written| written.entry.generation == generation)
    }

    fn generation_mut(&mut self, generation: Generation) -> Option<&mut Written> {
        self.generations.iter_mut().find(|written| written.entry.generation == generation)
    }

    /// The generation's entry, which says from now on what this one says; this one if it is new.
    fn entry(&mut self, entry: Entry) -> Arc<Entry> {
        if let Some(written) = self.generation(entry.generation) {
            written.entry.set_about(entry.about());
            return Arc::clone(&written.entry);
        }
        let entry = Arc::new(entry);
        self.generations.push(Written { entry: Arc::clone(&entry), slots: Vec::new() });
        entry
    }
}

impl Written {
    fn slot(&self, chunk: u32) -> Option<Slot> {
        let at = self.slots.binary_search_by_key(&chunk, |&(chunk, _)| chunk).ok()?;
        Some(self.slots[at].1)
    }

    /// Notes where a chunk is, and says where it was.
    fn place(&mut self, chunk: u32, slot: Slot) -> Option<Slot> {
        match self.slots.binary_search_by_key(&chunk, |&(chunk, _)| chunk) {
            Ok(at) => Some(std::mem::replace(&mut self.slots[at].1, slot)),
            Err(at) => {
                self.slots.insert(at, (chunk, slot));
                None
            }
        }
    }
}
