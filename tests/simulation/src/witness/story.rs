//! What the witness knows of one document.

use millrace_domain::{
    ContentHash, Document, DocumentEvent, EventEnvelope, Generation, Publication, Version,
};
use millrace_ports::{BlobUsage, IndexUsage};

/// What is stored of a document at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stock {
    /// In the index, of the generation that is published.
    pub(crate) published: IndexUsage,
    /// In the index, of all generations.
    pub(crate) all: IndexUsage,
    /// In the blob store.
    pub(crate) blobs: BlobUsage,
}

/// What was stored when the tombstone fell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tombstone {
    pub(crate) stock: Stock,
    /// Whether anything but the deletion changed it since, or was about to.
    pub(crate) disturbed: bool,
}

/// What could be seen of a document from an instant on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) from: u64,
    pub(crate) version: Version,
    pub(crate) published: Option<Publication>,
}

/// A document.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) document: Document,
    pub(crate) history: Vec<EventEnvelope>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) tombstone: Option<Tombstone>,
    /// Whether a worker failed that had no message any more to come back for: what it left is not found again.
    pub(crate) littered: bool,
    /// Sequence of the last event that was handed to the bus, whatever became of it, and of the last one that arrived in
    /// line: with all before it.
    pub(crate) handed_over: u64,
    pub(crate) in_line: u64,
}

impl Story {
    pub(crate) fn new(document: Document) -> Self {
        Self {
            document,
            history: Vec::new(),
            shown: Vec::new(),
            tombstone: None,
            littered: false,
            handed_over: 0,
            in_line: 0,
        }
    }

    /// Something was written or removed beside the deletion.
    pub(crate) fn touched(&mut self) {
        if let Some(tombstone) = &mut self.tombstone {
            tombstone.disturbed = true;
        }
    }

    /// What could be seen at some time between two instants, both included.
    pub(crate) fn shown_within(&self, from: u64, until: u64) -> Vec<Shown> {
        let ends = self.shown.iter().skip(1).map(|next| next.from).chain([u64::MAX]);
        let within = |(shown, end): &(&Shown, u64)| shown.from <= until && *end > from;
        self.shown.iter().zip(ends).filter(within).map(|(shown, _)| *shown).collect()
    }

    /// Whether it existed at an instant.
    pub(crate) fn existed(&self, instant: u64) -> bool {
        self.shown.first().is_some_and(|first| first.from <= instant)
    }

    /// The hash of a generation's content.
    pub(crate) fn content_of(&self, generation: Generation) -> Option<ContentHash> {
        self.history.iter().find_map(|envelope| match &envelope.event {
            DocumentEvent::DocumentUploaded(uploaded) if uploaded.generation == generation => {
                Some(uploaded.sha256.clone())
            }
            _ => None,
        })
    }

    /// At which version a generation's content was accepted.
    pub(crate) fn recorded_at(&self, generation: Generation) -> Option<Version> {
        self.history.iter().find_map(|envelope| match &envelope.event {
            DocumentEvent::DocumentUploaded(uploaded) if uploaded.generation == generation => {
                Some(envelope.sequence)
            }
            _ => None,
        })
    }

    /// The metadata of the generation that queries see.
    pub(crate) fn published_metadata(&self) -> serde_json::Map<String, serde_json::Value> {
        let published = self.document.published.map(|published| published.generation);
        let metadata = self.history.iter().find_map(|envelope| match &envelope.event {
            DocumentEvent::DocumentUploaded(uploaded) if Some(uploaded.generation) == published => {
                Some(uploaded.metadata.clone())
            }
            _ => None,
        });
        metadata.unwrap_or_default()
    }

    /// How many chunks a generation has.
    pub(crate) fn chunks_of(&self, generation: Generation) -> Option<u32> {
        self.history.iter().rev().find_map(|envelope| match &envelope.event {
            DocumentEvent::DocumentChunked(chunked) if chunked.generation == generation => {
                Some(chunked.chunks)
            }
            _ => None,
        })
    }
}
