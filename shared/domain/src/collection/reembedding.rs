//! The saga's state: what is stored of a move to another model, and what can be read from it. How it changes is in
//! `transitions`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentId, ErrorCode, IndexSpace, ModelId, Timestamp, Trace};

/// An index space, and the model of the vectors in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceModel {
    /// The space.
    pub space: IndexSpace,
    /// The model.
    pub model: ModelId,
    /// Length of its vectors.
    pub dimensions: u16,
}

/// The steps, in their order. The first five end in a collection under the new model, the last two take back what was
/// built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReembeddingStepName {
    /// One job per batch of every document is sent.
    Build,
    /// Waits until whoever began before the saga has ended, and the index of documents shows all that was uploaded before it.
    SettleWriters,
    /// Every document's new space is compared with its old one; what is missing is sent again.
    Verify,
    /// Searches use the new model and the new space from here on.
    Switch,
    /// Waits until searches that began before the switch have ended.
    SettleReaders,
    /// Document by document: compared once more, then removed from the old space and read back.
    DropOld,
    /// Compensation: waits until writers into the new space have ended.
    SettleStopped,
    /// Compensation: every document is removed from the new space and read back.
    DropNew,
}

impl ReembeddingStepName {
    /// The name in JSON, logs and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::SettleWriters => "settle_writers",
            Self::Verify => "verify",
            Self::Switch => "switch",
            Self::SettleReaders => "settle_readers",
            Self::DropOld => "drop_old",
            Self::SettleStopped => "settle_stopped",
            Self::DropNew => "drop_new",
        }
    }

    /// Whether the step goes through the collection's documents.
    pub const fn visits_documents(self) -> bool {
        matches!(self, Self::Build | Self::Verify | Self::DropOld | Self::DropNew)
    }

    /// Whether it belongs to the compensation.
    pub const fn compensates(self) -> bool {
        matches!(self, Self::SettleStopped | Self::DropNew)
    }
}

impl fmt::Display for ReembeddingStepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReembeddingStepOutcome {
    /// It did what it was for.
    Done,
    /// The saga was given up during it.
    Failed,
    /// The operator stopped the saga during it.
    Aborted,
}

impl ReembeddingStepOutcome {
    /// The name in JSON and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// One step, begun and perhaps ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReembeddingStep {
    /// Which.
    pub step: ReembeddingStepName,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often documents were gone through: 1, and one more for each time that some had to be sent again.
    pub attempts: u32,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ReembeddingStepOutcome>,
}

/// Why a saga was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReembeddingFailure {
    /// Why, as a code.
    pub error_code: ErrorCode,
    /// Why, for a person.
    pub reason: String,
    /// The document at which it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<DocumentId>,
}

/// Where a saga stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReembeddingStatus {
    /// On its way to the new model.
    Running,
    /// Given up or aborted; what was built is being removed.
    Compensating,
    /// The collection is under the new model and nothing is left of the old.
    Completed,
    /// Given up; the collection is as it was.
    Failed,
    /// Aborted; the collection is as it was.
    Aborted,
}

impl ReembeddingStatus {
    /// The name in JSON, logs and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for ReembeddingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A move of a collection to another model, under way or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reembedding {
    /// What the collection had.
    pub from: SpaceModel,
    /// What it is to have.
    pub to: SpaceModel,
    /// The request that set it in motion; every job of the saga carries it.
    pub trace: Trace,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The steps so far, the current one last.
    pub steps: Vec<ReembeddingStep>,
    /// The last document that the current step is done with; lists go from the newest to the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<DocumentId>,
    /// Documents that the current step is done with.
    pub documents_done: u64,
    /// Documents that the collection had when the step began, for a progress bar.
    pub documents_total: u64,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ReembeddingFailure>,
    /// What keeps it from going on after the switch, when it can no longer be given up: the old space stays until this is
    /// mended. Gone once it got past that document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_up_by: Option<ReembeddingFailure>,
    /// When the operator asked to stop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted_at: Option<Timestamp>,
}

impl Reembedding {
    /// The current step, or the last one of a saga that has ended.
    pub fn step(&self) -> Option<&ReembeddingStep> {
        self.steps.last()
    }

    /// The name of the current step.
    pub fn step_name(&self) -> Option<ReembeddingStepName> {
        self.step().map(|step| step.step)
    }

    /// Where it stands.
    pub fn status(&self) -> ReembeddingStatus {
        let stopped = self.failure.is_some() || self.aborted_at.is_some();
        match (self.ended_at.is_some(), stopped) {
            (false, false) => ReembeddingStatus::Running,
            (false, true) => ReembeddingStatus::Compensating,
            (true, false) => ReembeddingStatus::Completed,
            (true, true) if self.failure.is_some() => ReembeddingStatus::Failed,
            (true, true) => ReembeddingStatus::Aborted,
        }
    }

    /// Whether searches that began before the switch may still be in the old space.
    pub fn is_settling_readers(&self) -> bool {
        use ReembeddingStepName::{SettleReaders, Switch};
        matches!(self.step_name(), Some(Switch | SettleReaders))
    }

    /// Whether workers write into the new space beside the old one: until the switch, or until it is given up.
    pub fn is_building(&self) -> bool {
        use ReembeddingStepName::{Build, SettleWriters, Verify};
        self.ended_at.is_none() && matches!(self.step_name(), Some(Build | SettleWriters | Verify))
    }
}
