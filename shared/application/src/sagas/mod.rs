//! Sagas whose steps compensate or follow through: their state is the document, their steps are repeatable.

mod advance_reembeddings;
mod compared_spaces;
mod found;
mod purge_document;
mod purge_generation;

pub use advance_reembeddings::{AdvanceReembeddings, ReembedPolicy};
pub(crate) use compared_spaces::{count_documents, live_generations};
pub use purge_document::PurgeDocument;
pub use purge_generation::PurgeGeneration;
