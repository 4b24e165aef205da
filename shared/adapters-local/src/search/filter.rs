//! Which documents a search may return: named ones, and those whose metadata has the asked pairs.

use std::sync::Arc;

use millrace_ports::SearchFilter;

use super::bits::Bits;
use super::entry::Entry;
use super::window::Window;

/// A filter, prepared for many documents.
#[derive(Debug)]
pub(super) struct Filter {
    /// Its documents are ascending.
    filter: SearchFilter,
}

impl Filter {
    /// `None` if everything passes.
    pub(super) fn new(filter: &SearchFilter) -> Option<Self> {
        if filter.documents.is_empty() && filter.metadata.is_empty() {
            return None;
        }
        let mut filter = filter.clone();
        filter.documents.sort_unstable();
        Some(Self { filter })
    }

    /// The slots of a window whose documents pass.
    pub(super) fn slots(&self, window: &Window) -> Bits {
        let mut slots = Bits::default();
        for segment in window.segments() {
            let passes: Vec<bool> = segment.entries.iter().map(|entry| self.passes(entry)).collect();
            for slot in (0..segment.len()).filter(|&slot| passes[segment.owner(slot)]) {
                slots.set(segment.first + slot);
            }
        }
        slots
    }

    fn passes(&self, entry: &Arc<Entry>) -> bool {
        let named = &self.filter.documents;
        (named.is_empty() || named.binary_search(&entry.document_id).is_ok())
            && self.filter.has_pairs(&entry.about().metadata)
    }
}
