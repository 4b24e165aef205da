//! Which documents a search may return: named ones, and those whose metadata has the asked pairs.

use std::sync::Arc;

use millrace_domain::DocumentId;
use millrace_ports::SearchFilter;
use serde_json::{Map, Value};

use super::bits::Bits;
use super::entry::Entry;
use super::window::Window;

/// A filter, prepared for many documents.
#[derive(Debug)]
pub(super) struct Filter {
    /// Ascending; empty for any document.
    documents: Vec<DocumentId>,
    metadata: Map<String, Value>,
}

impl Filter {
    /// `None` if everything passes.
    pub(super) fn new(filter: &SearchFilter) -> Option<Self> {
        if filter.documents.is_empty() && filter.metadata.is_empty() {
            return None;
        }
        let mut documents = filter.documents.clone();
        documents.sort_unstable();
        Some(Self { documents, metadata: filter.metadata.clone() })
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
        let named = self.documents.is_empty() || self.documents.binary_search(&entry.document_id).is_ok();
        named && (self.metadata.is_empty() || has_all(&entry.about().metadata, &self.metadata))
    }
}

/// Whether each pair asked for is there: the same value, or a list that contains it.
fn has_all(metadata: &Map<String, Value>, asked: &Map<String, Value>) -> bool {
    asked.iter().all(|(key, asked)| {
        metadata.get(key).is_some_and(|value| match value {
            Value::Array(values) => same(value, asked) || values.iter().any(|value| same(value, asked)),
            value => same(value, asked),
        })
    })
}

/// Equality of JSON values, 1 and 1.0 being the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_are_equal_values_or_members_of_lists() {
        let metadata = json!({ "year": 2024, "tags": ["a", 7], "draft": false, "none": null });
        let passes = |asked: Value| has_all(metadata.as_object().unwrap(), asked.as_object().unwrap());
        for asked in [
            json!({}),
            json!({ "year": 2024.0 }),
            json!({ "tags": "a" }),
            json!({ "tags": 7, "draft": false }),
            json!({ "tags": ["a", 7] }),
            json!({ "none": null }),
        ] {
            assert!(passes(asked.clone()), "{asked}");
        }
        for asked in [
            json!({ "year": "2024" }),
            json!({ "tags": ["a"] }),
            json!({ "tags": "b" }),
            json!({ "draft": true }),
            json!({ "missing": null }),
            json!({ "year": 2024, "draft": true }),
        ] {
            assert!(!passes(asked.clone()), "{asked}");
        }
    }
}
