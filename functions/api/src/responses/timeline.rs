//! One page of a document's events, and the steps of its sagas.

use millrace_application::TimelinePage;
use millrace_domain::{
    CompensationCause, ErrorCode, EventEnvelope, Generation, Saga, SagaStep, SagaStepDetails, SagaStepName,
    SagaStepOutcome, Timestamp, Version,
};
use schemars::JsonSchema;
use serde::Serialize;

/// Events in order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Timeline")]
pub(crate) struct TimelineResponse {
    events: Vec<EventEnvelope>,
    /// To be passed as `after` for the next page; null at the end.
    next_after: Option<Version>,
    /// The steps of the whole history, whatever the page's limit, in the order in which they began. Given without `after`
    /// (or with 0); null on later pages, and if the document has more than 20,000 events.
    steps: Option<Vec<SagaStepResponse>>,
}

/// One step of a saga. Its time runs from the event that made it due, so it includes waiting. Extraction and chunking are
/// recorded together: the time of both stands at the extraction.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SagaStep")]
pub(crate) struct SagaStepResponse {
    saga: Saga,
    step: SagaStepName,
    /// Which content; for a compensation the one whose leftovers it removes.
    generation: Generation,
    /// Which retry of that content, from 0.
    retry: u32,
    started_at: Timestamp,
    /// Null while it runs.
    ended_at: Option<Timestamp>,
    /// Null while it runs.
    duration_ms: Option<u64>,
    outcome: SagaStepOutcome,
    /// Why it failed.
    error_code: Option<ErrorCode>,
    /// Attempts it took; null where the history does not tell. Of several batches the most that one took.
    attempts: Option<u32>,
    /// What made a compensation necessary; null for other steps.
    cause: Option<CompensationCause>,
    details: SagaStepDetails,
}

impl From<TimelinePage> for TimelineResponse {
    fn from(page: TimelinePage) -> Self {
        let next_after = page.events.last().map(|event| event.sequence).filter(|_| page.more);
        let steps = page.steps.map(|steps| steps.into_iter().map(SagaStepResponse::from).collect());
        Self { events: page.events, next_after, steps }
    }
}

impl From<SagaStep> for SagaStepResponse {
    fn from(step: SagaStep) -> Self {
        Self {
            saga: step.saga,
            step: step.step,
            generation: step.generation,
            retry: step.retry,
            started_at: step.started_at,
            ended_at: step.ended_at,
            duration_ms: step.duration_ms(),
            outcome: step.outcome,
            error_code: step.error_code,
            attempts: step.attempts,
            cause: step.cause,
            details: step.details,
        }
    }
}
