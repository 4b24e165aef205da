//! Sagas whose steps compensate or follow through: their state is the document, their steps are repeatable.

mod found;
mod purge_document;
mod purge_generation;

pub use purge_document::PurgeDocument;
pub use purge_generation::PurgeGeneration;
