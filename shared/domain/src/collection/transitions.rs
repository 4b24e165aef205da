//! How the saga moves on: each function makes the record after one transition from the record before it. Whoever stores the
//! result does so by compare-and-swap on the revision, so of two that move a saga on at once one loses and looks again.

use super::{
    Collection, Reembedding, ReembeddingFailure, ReembeddingStatus, ReembeddingStep, ReembeddingStepName,
    ReembeddingStepOutcome, SpaceModel,
};
use crate::{DocumentId, IndexSpace, ModelId, Timestamp, Trace};

/// Why a saga cannot be started or stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReembeddingRefused {
    /// One is under way.
    #[error("the collection is being re-embedded under model {model}")]
    UnderWay {
        /// Under which model.
        model: ModelId,
    },
    /// The collection has this model.
    #[error("the collection has model {model} already")]
    SameModel {
        /// Which.
        model: ModelId,
    },
    /// None is under way.
    #[error("the collection is not being re-embedded")]
    NotUnderWay,
    /// Searches use the new model; there is no way back but another saga.
    #[error("the collection has switched to model {model}")]
    Switched {
        /// Which.
        model: ModelId,
    },
}

impl Collection {
    /// Sets a saga in motion, into a space that was never used.
    pub fn start_reembedding(
        mut self,
        (model, dimensions): (ModelId, u16),
        documents_total: u64,
        trace: Trace,
        at: Timestamp,
    ) -> Result<Self, ReembeddingRefused> {
        if let Some(saga) = &self.reembedding {
            return Err(ReembeddingRefused::UnderWay { model: saga.to.model.clone() });
        }
        if self.model == model && self.dimensions == dimensions {
            return Err(ReembeddingRefused::SameModel { model });
        }
        let space = IndexSpace::new(self.last_space().get() + 1);
        self.reembedding = Some(Reembedding {
            from: self.current(),
            to: SpaceModel { space, model, dimensions },
            trace,
            started_at: at,
            ended_at: None,
            steps: vec![ReembeddingStep::begun(ReembeddingStepName::Build, at)],
            cursor: None,
            documents_done: 0,
            documents_total,
            failure: None,
            held_up_by: None,
            aborted_at: None,
        });
        Ok(self)
    }

    /// Notes that the current step is done with these documents, the last of which is `cursor`.
    #[must_use]
    pub fn visit_documents(mut self, cursor: DocumentId, documents: u64) -> Self {
        if let Some(saga) = &mut self.reembedding {
            saga.cursor = Some(cursor);
            saga.documents_done += documents;
            saga.held_up_by = None;
        }
        self
    }

    /// Notes that the current step had to send something again.
    #[must_use]
    pub fn count_attempt(mut self) -> Self {
        if let Some(step) = self.reembedding.as_mut().and_then(|saga| saga.steps.last_mut()) {
            step.attempts += 1;
        }
        self
    }

    /// Ends the current step well and begins the next. The switch is a step without duration: it is done by the very
    /// transition that ends the verification. After the last step the saga is the last one.
    #[must_use]
    pub fn end_step(mut self, documents_total: u64, at: Timestamp) -> Self {
        let Some(mut saga) = self.reembedding.take() else { return self };
        let Some(ended) = saga.step_name() else { return self };
        saga.end_current(ReembeddingStepOutcome::Done, at);
        match next_step(ended) {
            Some(ReembeddingStepName::Switch) => {
                saga.begin(ReembeddingStepName::Switch, documents_total, at);
                saga.end_current(ReembeddingStepOutcome::Done, at);
                saga.begin(ReembeddingStepName::SettleReaders, documents_total, at);
                (self.space, self.model, self.dimensions) =
                    (saga.to.space, saga.to.model.clone(), saga.to.dimensions);
                self.reembedding = Some(saga);
            }
            Some(next) => {
                saga.begin(next, documents_total, at);
                self.reembedding = Some(saga);
            }
            None => {
                saga.cursor = None;
                saga.held_up_by = None;
                saga.ended_at = Some(at);
                self.last_reembedding = Some(saga);
            }
        }
        self
    }

    /// Gives the saga up, if it may still be: `None` if it is past that, or given up or ended before.
    pub fn fail_reembedding(mut self, failure: ReembeddingFailure, at: Timestamp) -> Option<Self> {
        let saga = self.reembedding.as_mut().filter(|saga| saga.is_building())?;
        saga.failure = Some(failure);
        saga.compensate(ReembeddingStepOutcome::Failed, at);
        Some(self)
    }

    /// Notes what keeps the saga from going on, if it can no longer be given up: `None` if it still can be, is being taken back
    /// or has ended.
    pub fn hold_up_reembedding(mut self, cause: ReembeddingFailure) -> Option<Self> {
        let past_the_switch =
            |saga: &&mut Reembedding| !saga.is_building() && saga.status() == ReembeddingStatus::Running;
        let saga = self.reembedding.as_mut().filter(past_the_switch)?;
        saga.held_up_by = Some(cause);
        Some(self)
    }

    /// Stops the saga because the operator asked for it. Asking again changes nothing.
    pub fn abort_reembedding(mut self, at: Timestamp) -> Result<Self, ReembeddingRefused> {
        let Some(saga) = &mut self.reembedding else { return Err(ReembeddingRefused::NotUnderWay) };
        if saga.status() == ReembeddingStatus::Compensating {
            return Ok(self);
        }
        if !saga.is_building() {
            return Err(ReembeddingRefused::Switched { model: saga.to.model.clone() });
        }
        saga.aborted_at = Some(at);
        saga.compensate(ReembeddingStepOutcome::Aborted, at);
        Ok(self)
    }
}

impl ReembeddingStep {
    fn begun(step: ReembeddingStepName, at: Timestamp) -> Self {
        Self { step, started_at: at, ended_at: None, attempts: 1, outcome: None }
    }
}

impl Reembedding {
    fn end_current(&mut self, outcome: ReembeddingStepOutcome, at: Timestamp) {
        if let Some(step) = self.steps.last_mut() {
            step.ended_at = Some(at);
            step.outcome = Some(outcome);
        }
    }

    fn begin(&mut self, step: ReembeddingStepName, documents_total: u64, at: Timestamp) {
        self.steps.push(ReembeddingStep::begun(step, at));
        self.cursor = None;
        self.documents_done = 0;
        self.documents_total = documents_total;
    }

    fn compensate(&mut self, outcome: ReembeddingStepOutcome, at: Timestamp) {
        self.end_current(outcome, at);
        self.begin(ReembeddingStepName::SettleStopped, self.documents_total, at);
    }
}

const fn next_step(step: ReembeddingStepName) -> Option<ReembeddingStepName> {
    match step {
        ReembeddingStepName::Build => Some(ReembeddingStepName::SettleWriters),
        ReembeddingStepName::SettleWriters => Some(ReembeddingStepName::Verify),
        ReembeddingStepName::Verify => Some(ReembeddingStepName::Switch),
        ReembeddingStepName::Switch => Some(ReembeddingStepName::SettleReaders),
        ReembeddingStepName::SettleReaders => Some(ReembeddingStepName::DropOld),
        ReembeddingStepName::SettleStopped => Some(ReembeddingStepName::DropNew),
        ReembeddingStepName::DropOld | ReembeddingStepName::DropNew => None,
    }
}
