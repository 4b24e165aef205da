//! The Document aggregate: `decide` turns a command into events, `evolve` folds events into the state.

mod batch_set;
mod command;
mod decide;
mod event;
mod evolve;
mod head;
mod invariants;
mod owed_jobs;
mod state;

pub use batch_set::BatchSet;
pub use command::{Command, Content};
pub use decide::{DocumentError, decide};
pub use event::*;
pub use evolve::evolve;
pub use head::{DocumentHead, DocumentKey};
pub use invariants::{Violation, check_document};
pub use state::{
    ChunkPlan, Classification, Deletion, Document, Failure, Publication, Residue, SearchableBy, Status,
};
