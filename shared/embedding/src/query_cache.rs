//! The vectors of the last queries: people page through results and repeat searches. Bounded, least recently used
//! first out. Linear in its size, which is small beside one embedding.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use millrace_ports::Embedding;

/// Up to a fixed number of query vectors.
#[derive(Debug)]
pub(crate) struct QueryCache {
    entries_max: usize,
    /// The most recently used at the back.
    entries: Mutex<VecDeque<(String, Embedding)>>,
}

impl QueryCache {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries_max, entries: Mutex::default() }
    }

    pub(crate) fn get(&self, query: &str) -> Option<Embedding> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let index = entries.iter().position(|(text, _)| text == query)?;
        let entry = entries.remove(index)?;
        let embedding = entry.1.clone();
        entries.push_back(entry);
        Some(embedding)
    }

    pub(crate) fn put(&self, query: &str, embedding: &Embedding) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.entries_max {
            entries.pop_front();
        }
        entries.push_back((query.to_owned(), embedding.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last() {
        let cache = QueryCache::new(2);
        for query in ["a", "b"] {
            cache.put(query, &Embedding(vec![1.0]));
        }
        assert!(cache.get("a").is_some());
        cache.put("c", &Embedding(vec![2.0]));
        assert!(cache.get("b").is_none());
        assert_eq!(cache.get("a"), Some(Embedding(vec![1.0])));
        assert_eq!(cache.get("c"), Some(Embedding(vec![2.0])));
    }
}
