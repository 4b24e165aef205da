//! What must hold at every append: an unbroken history, sound states, a claim that is its owner's, and that what a head
//! publishes is stored.

use std::collections::BTreeMap;

use millrace_domain::{
    Document, DocumentEvent, DocumentKey, ErrorCode, EventEnvelope, Version, check_document, evolve,
};
use millrace_ports::Append;

use super::answers::Wish;
use super::story::{Shown, Stock, Story, Tombstone};
use super::{Memory, Witness, lawful};
use crate::contents::Nature;

/// Attempts that a step has before its document fails as dead-lettered.
const ATTEMPTS_MAX: u32 = 6;

impl Witness {
    /// An append took effect; `stock` is what was stored at that instant.
    pub(crate) fn appended(&self, append: &Append, version: Version, stock: Stock) {
        let key = &append.key;
        let types: Vec<_> = append.events.iter().map(|envelope| envelope.event.type_name()).collect();
        self.scheduler.note(|| format!("  + {} v{version} {types:?}", key.document_id));
        let harm = self.scheduler.harm(key);
        let mut memory = self.lock();
        memory.instant += 1;
        if let Some((claim, _)) = &append.completes {
            memory.completed(claim, "with an append");
            memory.lease_completed(claim, self.scheduler.now());
        }
        for envelope in &append.events {
            memory.chain(key, envelope);
        }
        let Some(story) = memory.stories.get(key) else { return };
        let document = story.document.clone();
        memory.hold("G3", "a head is what its history says", document.head() == append.head, || {
            format!("{} at version {version}: {:?}", key.document_id, append.head)
        });
        memory.show(key, &document, &stock);
        for envelope in &append.events {
            memory.check_event(key, envelope, &document, stock);
            self.check_failure(&mut memory, key, envelope, harm);
        }
    }

    /// A document fails for a reason: its content, or faults that used up its attempts. Throttling is none.
    fn check_failure(&self, memory: &mut Memory, key: &DocumentKey, envelope: &EventEnvelope, harm: u32) {
        let DocumentEvent::IngestionFailed(failed) = &envelope.event else { return };
        let hash = memory.stories.get(key).and_then(|story| story.content_of(failed.generation));
        let nature = hash.and_then(|hash| self.contents.find(&hash)).map(|content| content.nature);
        let expected = match nature {
            Some(Nature::Corrupt) => Some(ErrorCode::Corrupt),
            Some(Nature::Blank) => Some(ErrorCode::Empty),
            _ => None,
        };
        if Some(failed.error_code) == expected {
            return;
        }
        let line = || format!("{} with {}, {harm} faults", key.document_id, failed.error_code);
        let exhausted = failed.error_code == ErrorCode::DeadLettered;
        memory.hold("G8", "a document fails by its own content or by exhaustion", exhausted, line);
        let harmful = matches!(nature, Some(Nature::Exhausting | Nature::Explosive));
        let tried = !exhausted || failed.attempts >= ATTEMPTS_MAX;
        memory.hold("G1", "a document is given up after its last attempt", tried, || {
            format!("{} after {} attempts", key.document_id, failed.attempts)
        });
        let rule = "only attempts that failed are spent, throttled ones are not";
        memory.hold("G9", rule, !exhausted || harmful || harm >= ATTEMPTS_MAX, line);
    }
}

impl Memory {
    /// Folds an event into its document's story, which it must continue.
    fn chain(&mut self, key: &DocumentKey, envelope: &EventEnvelope) {
        let fresh = self.event_ids.insert(envelope.id);
        self.hold("G3", "event ids are unique", fresh, || format!("{:?}", envelope.id));
        let known = self.stories.get(key).map_or(0, |story| story.history.len() as u64);
        let follows = envelope.sequence.get() == known + 1 && envelope.key() == *key;
        self.hold("G3", "a history has no gaps and no forks", follows, || {
            format!("{} after event {known}: {}", key.document_id, envelope.sequence)
        });
        if !follows {
            return;
        }
        let before = self.stories.get(key).map(|story| story.document.clone());
        let correlation = envelope.trace.correlation_id.to_string();
        let linked = self.correlations.contains(&correlation);
        self.hold("G3", "an event is linked to what caused it", linked, || {
            format!("{} {} by {correlation}", key.document_id, envelope.event.type_name())
        });
        let lawful = lawful::follows(before.as_ref(), &envelope.event);
        self.hold("G3", "an event follows from the state before it", lawful, || {
            format!("{} {} in {before:?}", key.document_id, envelope.event.type_name())
        });
        if !lawful {
            return;
        }
        let document = evolve(before, &envelope.event, envelope.time);
        for violation in check_document(&document) {
            self.accuse("G3", violation.rule, format!("{} {}", violation.id, key.document_id));
        }
        let story = self.stories.entry(key.clone()).or_insert_with(|| Story::new(document.clone()));
        story.document = document;
        story.history.push(envelope.clone());
    }

    /// Notes what can be seen from now on; what is seen must be there.
    fn show(&mut self, key: &DocumentKey, document: &Document, stock: &Stock) {
        let instant = self.instant;
        let Some(story) = self.stories.get_mut(key) else { return };
        let shown = Shown { from: instant, version: document.version, published: document.published };
        story.shown.push(shown);
        let Some(published) = document.published else { return };
        let Some(chunks) = story.chunks_of(published.generation).map(u64::from) else { return };
        let line = || format!("{} of {chunks} chunks: {:?}", key.document_id, stock.published);
        let words = stock.published.chunks == chunks;
        self.hold("G5", "what is published has its words", words, line);
        let vectors = !published.vectors || stock.published.vectors == chunks;
        self.hold("G5", "what is published by meaning has its vectors", vectors, line);
    }

    fn check_event(
        &mut self,
        key: &DocumentKey,
        envelope: &EventEnvelope,
        document: &Document,
        stock: Stock,
    ) {
        let id = key.document_id;
        match &envelope.event {
            DocumentEvent::DeletionRequested(_) => {
                let asked = self.wishes.contains(&(key.clone(), Wish::Delete));
                self.hold("G7", "only its own tenant deletes a document", asked, || id.to_string());
                if let Some(story) = self.stories.get_mut(key) {
                    story.tombstone = Some(Tombstone { stock, disturbed: false });
                }
            }
            DocumentEvent::IngestionCancelled(_) => {
                let asked = self.wishes.contains(&(key.clone(), Wish::Cancel));
                self.hold("G7", "only its own tenant cancels a document", asked, || id.to_string());
            }
            DocumentEvent::IngestionRetried(_) => {
                let asked = self.wishes.contains(&(key.clone(), Wish::Retry));
                self.hold("G7", "only who asked retries a document", asked, || id.to_string());
                self.check_retries(key);
            }
            DocumentEvent::ChunksEmbedded(_) => self.check_batches(key, document),
            DocumentEvent::ContentPurged(purged) if purged.generation.is_none() => {
                self.read_back.remove(key);
            }
            DocumentEvent::DocumentDeleted(_) => {
                let read_back = self.read_back.get(key) == Some(&(true, true));
                self.hold("G6", "what was purged is read back", read_back, || id.to_string());
                self.check_receipt(key, document, stock);
            }
            DocumentEvent::DocumentUploaded(_) => self.check_upload(key, envelope),
            _ => {}
        }
    }

    /// Whoever asks once has it tried again once.
    fn check_retries(&mut self, key: &DocumentKey) {
        let Some(story) = self.stories.get(key) else { return };
        let retried =
            |envelope: &&EventEnvelope| matches!(envelope.event, DocumentEvent::IngestionRetried(_));
        let times = story.history.iter().filter(retried).count() as u64;
        let wished = self.wished.get(&(key.clone(), Wish::Retry)).copied().unwrap_or_default();
        self.hold("G2", "a document is retried as often as that was asked", times <= wished, || {
            format!("{} {times} times, asked {wished} times", key.document_id)
        });
    }

    /// A batch counts once, within one attempt at a generation.
    fn check_batches(&mut self, key: &DocumentKey, document: &Document) {
        let Some(story) = self.stories.get(key) else { return };
        let mut times: BTreeMap<u32, u32> = BTreeMap::new();
        for envelope in story.history.iter().rev() {
            match &envelope.event {
                DocumentEvent::ChunksEmbedded(embedded) if embedded.generation == document.generation => {
                    *times.entry(embedded.batch.get()).or_default() += 1;
                }
                DocumentEvent::IngestionRetried(_) | DocumentEvent::DocumentUploaded(_) => break,
                _ => {}
            }
        }
        let once = times.values().all(|times| *times == 1);
        self.hold("G2", "a batch is embedded once", once, || format!("{} {times:?}", key.document_id));
    }

    /// The receipt says what was there, and nothing is there any more.
    fn check_receipt(&mut self, key: &DocumentKey, document: &Document, stock: Stock) {
        let receipt = document.deletion.as_ref().and_then(|deletion| deletion.receipt.clone());
        let tombstone = self.stories.get(key).and_then(|story| story.tombstone);
        let (Some(receipt), Some(tombstone)) = (receipt, tombstone) else {
            return self.accuse("G6", "a deletion ends with a receipt", key.document_id.to_string());
        };
        let line = || format!("{} {receipt:?}, was {:?}, is {stock:?}", key.document_id, tombstone.stock);
        let empty = stock == Stock::default() || tombstone.disturbed;
        self.hold("G6", "a receipt follows a read-back that found nothing", empty, line);
        let was = tombstone.stock;
        let counted = (receipt.chunks, receipt.vectors, receipt.blobs, receipt.bytes.get());
        let there = (was.all.chunks, was.all.vectors, was.blobs.blobs, was.blobs.bytes);
        let exact = tombstone.disturbed || counted == there;
        self.hold("G6", "the receipt counts what was there", exact, line);
    }

    /// A request under an idempotency key has one effect.
    fn check_upload(&mut self, key: &DocumentKey, envelope: &EventEnvelope) {
        let Some(used) = &envelope.idempotency_key else { return };
        let same = |other: &EventEnvelope| {
            other.idempotency_key.as_ref() == Some(used)
                && matches!(other.event, DocumentEvent::DocumentUploaded(_))
        };
        let mine = self.stories.iter().filter(|(other, _)| other.tenant_id == key.tenant_id);
        let times = mine.flat_map(|(_, story)| &story.history).filter(|other| same(other)).count();
        self.hold("G2", "an idempotency key has one effect", times == 1, || format!("{used} {times} times"));
    }
}
