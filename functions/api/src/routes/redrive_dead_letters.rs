//! `POST /v1/operations/dead-letters/redrive`: puts messages that were given up back to work. A document that failed with its
//! message is tried again and goes on from what is there.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use http::Method;
use millrace_application::{DeadLetterFilter, RedriveRequest};
use millrace_domain::{DocumentId, QueueName};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, RequestBody};
use crate::parameters::JsonOf;
use crate::problem::{Problem, ProblemCode};
use crate::responses::{RedrivenResponse, queue_schema};

/// Most messages that are named in one request.
const MESSAGE_IDS_MAX: usize = 1_000;
/// Highest rate, as SQS has it.
const PER_SECOND_MAX: u32 = 500;

/// What to redrive: exactly one of `message_ids`, `filter` and `all`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Redrive {
    /// These messages; at most 1,000. Those that are not there are skipped.
    #[serde(default)]
    message_ids: Option<Vec<String>>,
    /// Those that match all of this.
    #[serde(default)]
    filter: Option<Filter>,
    /// All there are.
    #[serde(default)]
    all: bool,
    /// Only say which it would be.
    #[serde(default)]
    dry_run: bool,
    /// Deliver at most so many of each queue in a second, 1 to 500; without it, as fast as they are worked on.
    #[serde(default)]
    max_per_second: Option<u32>,
}

/// What messages must match.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeadLetterFilter")]
struct Filter {
    /// Their queue.
    #[serde(default)]
    #[schemars(schema_with = "queue_schema")]
    queue: Option<QueueName>,
    /// Their code.
    #[serde(default)]
    error_code: Option<String>,
    /// A part of their reason.
    #[serde(default)]
    reason: Option<String>,
    /// The document they are about.
    #[serde(default)]
    document_id: Option<DocumentId>,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::POST,
        path: "/v1/operations/dead-letters/redrive",
        id: "redriveDeadLetters",
        summary: "Put messages that were given up back to work, or say which it would be.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: Some(RequestBody {
            contents: vec![("application/json", SchemaGenerator::subschema_for::<Redrive>)],
        }),
        answers: vec![Answer::json::<RedrivenResponse>(200, "What goes back, or would.")],
        problems: &[
            ProblemCode::MalformedJson,
            ProblemCode::IncompleteBody,
            ProblemCode::ContentTooLarge,
            ProblemCode::UnsupportedContentType,
            ProblemCode::InvalidMember,
            ProblemCode::RedriveInProgress,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    JsonOf(redrive): JsonOf<Redrive>,
) -> Result<Json<RedrivenResponse>, Problem> {
    let (dry_run, max_per_second) = (redrive.dry_run, rate(redrive.max_per_second)?);
    let filter = filter(redrive)?;
    let request = RedriveRequest { scope: caller.dead_letter_scope(&api), filter, dry_run, max_per_second };
    Ok(Json(RedrivenResponse::of(api.redrive_dead_letters.run(&request).await?, dry_run)))
}

fn filter(redrive: Redrive) -> Result<DeadLetterFilter, Problem> {
    match (redrive.message_ids, redrive.filter, redrive.all) {
        (Some(ids), None, false) if (1..=MESSAGE_IDS_MAX).contains(&ids.len()) => {
            Ok(DeadLetterFilter { message_ids: ids.into_iter().collect(), ..DeadLetterFilter::default() })
        }
        (Some(_), None, false) => Err(invalid(&format!("message_ids names 1 to {MESSAGE_IDS_MAX} messages"))),
        (None, Some(Filter { queue: None, error_code: None, reason: None, document_id: None }), false) => {
            Err(invalid("filter is empty: say what to match, or \"all\": true"))
        }
        (None, Some(Filter { queue, error_code, reason, document_id }), false) => {
            Ok(DeadLetterFilter { queue, error_code, reason, document_id, ..DeadLetterFilter::default() })
        }
        (None, None, true) => Ok(DeadLetterFilter::default()),
        _ => Err(invalid("give exactly one of message_ids, filter and \"all\": true")),
    }
}

fn rate(max_per_second: Option<u32>) -> Result<Option<NonZeroU32>, Problem> {
    let Some(rate) = max_per_second else { return Ok(None) };
    let sound = NonZeroU32::new(rate).filter(|rate| rate.get() <= PER_SECOND_MAX);
    sound.map(Some).ok_or_else(|| invalid(&format!("max_per_second is 1 to {PER_SECOND_MAX}")))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidMember, detail)
}
