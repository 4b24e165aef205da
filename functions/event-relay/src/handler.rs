//! Decodes a batch of the journal's stream, publishes it in order, and reports the first record that is not published:
//! Lambda repeats the batch from there.

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use millrace_application::PublishEvents;
use millrace_function_runtime::envelopes_of_record;

/// Handles one invocation.
pub async fn handle(publish: &PublishEvents, event: Event) -> DynamoDbEventResponse {
    let (mut envelopes, mut records) = (Vec::new(), Vec::new());
    let mut unreadable = None;
    for record in &event.records {
        match envelopes_of_record(record) {
            Ok(found) => {
                records.extend(found.iter().map(|_| record));
                envelopes.extend(found);
            }
            Err(error) => {
                tracing::error!(%error, record = record.event_id, "unreadable event stops the stream");
                unreadable = Some(record);
                break;
            }
        }
    }
    match publish.run(&envelopes).await {
        Ok(()) => response(unreadable),
        Err((at, error)) => {
            tracing::warn!(%error, at, "event not published, the stream goes on from it");
            response(records.get(at).copied())
        }
    }
}

fn response(failed: Option<&EventRecord>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed.map(failure).into_iter().collect();
    response
}

fn failure(record: &EventRecord) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = record.change.sequence_number.clone();
    failure
}
