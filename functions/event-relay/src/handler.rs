//! Decodes a batch of the journal's stream, publishes it in order, and reports the first record that is not published:
//! Lambda repeats the batch from there.

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use millrace_application::PublishEvents;
use millrace_function_runtime::{envelopes_of_record, run_stream_at_once};

/// Handles one invocation.
pub async fn handle(publish: &PublishEvents, event: Event) -> DynamoDbEventResponse {
    run_stream_at_once(event, envelopes_of_record, |envelopes| async move { publish.run(&envelopes).await })
        .await
}
