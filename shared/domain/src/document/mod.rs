//! The Document aggregate: `decide` turns a command into events, `evolve` folds events into the state;
//! `SagaHistory` folds them into the steps that people read.

mod batch_set;
mod command;
mod decide;
mod event;
mod evolve;
mod head;
mod invariants;
mod owed_jobs;
mod saga_history;
mod saga_step;
mod state;

pub use batch_set::BatchSet;
pub use command::{Command, Content};
pub use decide::{DocumentError, decide};
pub use event::*;
pub use evolve::evolve;
pub use head::{DocumentHead, DocumentKey};
pub use invariants::{Violation, check_document};
pub use saga_history::SagaHistory;
pub use saga_step::{CompensationCause, Saga, SagaStep, SagaStepDetails, SagaStepName, SagaStepOutcome};
pub use state::{
    ChunkPlan, Classification, Deletion, Document, Failure, Publication, Residue, SearchableBy, Status,
};
