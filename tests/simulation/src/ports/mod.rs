//! Ports of the simulation: the model and the parser that a run works with, and layers between the adapters and the fault
//! decorators of test-support that break off batches, lose and repeat messages, and let the witness see every effect.

mod lossy_queue;
mod onlooker;
mod parted_blob_store;
mod parted_cache;
mod quick_embedder;
mod quick_extractor;
mod seen_bus;
mod seen_collections;
mod seen_consumer;
mod seen_dead_letters;
mod seen_event_store;
mod seen_ids;
mod seen_index;
mod seen_ledger;

pub(crate) use lossy_queue::{LossyQueue, visibility_ms};
pub(crate) use onlooker::Onlooker;
pub(crate) use parted_blob_store::PartedBlobStore;
pub(crate) use parted_cache::PartedCache;
pub(crate) use quick_embedder::{FURTHER_MODEL, MODEL, QuickEmbedder};
pub(crate) use quick_extractor::{EXPLOSION, QuickExtractor};
pub(crate) use seen_bus::SeenBus;
pub(crate) use seen_collections::SeenCollections;
pub(crate) use seen_consumer::{Deleted, SeenConsumer};
pub(crate) use seen_dead_letters::SeenDeadLetters;
pub(crate) use seen_event_store::SeenEventStore;
pub(crate) use seen_ids::SeenIds;
pub(crate) use seen_index::SeenIndex;
pub(crate) use seen_ledger::SeenLedger;
