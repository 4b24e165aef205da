//! Collections: which model their vectors come from, which index space holds their entries, and the saga that moves a
//! collection to another model. Pure transitions of one record; who stores it, and who does the work, is not known here.

mod record;
mod reembedding;
mod transitions;

pub use record::Collection;
pub use reembedding::{
    Reembedding, ReembeddingFailure, ReembeddingStatus, ReembeddingStep, ReembeddingStepName,
    ReembeddingStepOutcome, SpaceModel,
};
pub use transitions::ReembeddingRefused;
