//! What calls the functions: stand-ins for Lambda's event source mappings. Each makes the future of one invocation; when it
//! is polled, and whether it lives to its end, is the run's business.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail")]

use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::ETAG;
use http::{Request, StatusCode};
use millrace_domain::{DocumentKey, JobEnvelope, QueueName};
use millrace_function_runtime::{to_sqs_event, to_stream_record};
use millrace_ports::ReceivedMessage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use crate::world::{Functions, World};

/// The relay's name as a reader of the journal.
const RELAY: &str = "event-relay";

/// How an invocation ended that lived to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The request was answered.
    Answered(Answer),
    /// The batch was handled and its done messages deleted; these were reported as failed.
    Handled(Vec<String>),
    /// The stream may go on from after this position; whether all of the batch was published.
    Relayed(i64, bool),
    /// The sweep ended, well or not.
    Swept,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The version that its `ETag` names.
    pub(crate) version: Option<u64>,
    pub(crate) body: Bytes,
}

/// The future of an invocation.
pub(crate) type Invocation = BoxFuture<'static, Ending>;

/// A request to the API.
pub(crate) fn request(functions: &Arc<Functions>, request: Request<Body>) -> Invocation {
    let router = functions.router.clone();
    async move {
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let etag = head.headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        let version = etag.and_then(|etag| etag.trim_matches('"').strip_prefix('v')?.parse().ok());
        Ending::Answered(match to_bytes(body, usize::MAX).await {
            Ok(body) => Answer { status: head.status, version, body },
            // The server closed the connection in the middle of its answer.
            Err(_) => Answer { status: StatusCode::SERVICE_UNAVAILABLE, version: None, body: Bytes::new() },
        })
    }
    .boxed()
}

/// Takes up to `most` messages of a queue.
pub(crate) fn receive(world: &World, queue: QueueName, most: usize) -> Vec<ReceivedMessage> {
    let receiving = world.behind.consumer.receive(queue, most, 0);
    receiving.now_or_never().expect("memory does not wait").expect("memory does not fail")
}

/// The documents that messages are about.
pub(crate) fn documents_of(messages: &[ReceivedMessage]) -> Vec<DocumentKey> {
    let key =
        |message: &ReceivedMessage| Some(serde_json::from_str::<JobEnvelope>(&message.body).ok()?.key());
    messages.iter().filter_map(key).collect()
}

/// An invocation of a queue's function, and the deletion of what it did not report.
pub(crate) fn batch(
    functions: &Arc<Functions>,
    queue: QueueName,
    messages: Vec<ReceivedMessage>,
) -> Invocation {
    let functions = functions.clone();
    async move {
        let receipts: Vec<_> =
            messages.iter().map(|message| (message.message_id.clone(), message.receipt.clone())).collect();
        let event: SqsEvent = through_json(&to_sqs_event(queue, messages));
        let jobs = &*functions.jobs;
        let response = match queue {
            QueueName::Ingest => millrace_chunk_worker::handle(&functions.ingest, jobs, event).await,
            QueueName::Embed => millrace_embed_worker::handle(&functions.embed, jobs, event).await,
            QueueName::Purge => millrace_sweeper::handle_purges(&functions.purges, jobs, event).await,
            QueueName::Uploads => millrace_upload_completer::handle(&functions.complete, jobs, event).await,
            QueueName::Projector => millrace_projector::handle(&functions.project, jobs, event).await,
        };
        let failed =
            |id: &String| response.batch_item_failures.iter().any(|item| item.item_identifier == *id);
        let done: Vec<_> =
            receipts.iter().filter(|(id, _)| !failed(id)).map(|(_, receipt)| receipt.clone()).collect();
        // A deletion that fails is a message that comes again.
        let _ = functions.consumer.delete(queue, &done).await;
        let reported = response.batch_item_failures.into_iter().map(|item| item.item_identifier);
        Ending::Handled(reported.collect())
    }
    .boxed()
}

/// An invocation of the relay with the next events of the journal; none if there are none.
pub(crate) fn relay(world: &World, most: usize) -> Option<Invocation> {
    let reading = world.journal.read(RELAY, most);
    let read = reading.now_or_never().expect("memory does not wait").expect("memory does not fail");
    let last = read.last()?.0;
    let mut event = StreamEvent::default();
    event.records =
        read.iter().map(|(position, envelope)| to_stream_record(envelope, position.unsigned_abs())).collect();
    let event: StreamEvent = through_json(&event);
    let functions = world.functions.clone();
    let invocation = async move {
        let response = millrace_event_relay::handle(&functions.publish, event).await;
        let failed = response.batch_item_failures.first().and_then(|item| item.item_identifier.clone());
        let failed: Option<i64> = failed.and_then(|position| position.parse().ok());
        Ending::Relayed(failed.map_or(last, |position| position - 1), failed.is_none())
    };
    Some(invocation.boxed())
}

/// The stream goes on from after this position.
pub(crate) fn advance(world: &World, position: i64) {
    let advancing = world.journal.advance(RELAY, position);
    advancing.now_or_never().expect("memory does not wait").expect("memory does not fail");
}

/// How many events the relay has yet to see.
pub(crate) fn backlog(world: &World) -> u64 {
    let counting = world.journal.backlog(RELAY);
    counting.now_or_never().expect("memory does not wait").expect("memory does not fail")
}

/// An invocation of the sweeper by the schedule.
pub(crate) fn sweep(functions: &Arc<Functions>) -> Invocation {
    let functions = functions.clone();
    async move {
        let mut event = EventBridgeEvent::default();
        event.detail_type = "Scheduled Event".into();
        event.source = "aws.events".into();
        // A sweep that fails is made up for by the next.
        let _ = millrace_sweeper::handle_schedule(&functions.sweep, event).await;
        Ending::Swept
    }
    .boxed()
}

/// What arrives of an event that is sent as JSON.
fn through_json<T: Serialize + DeserializeOwned>(event: &T) -> T {
    let json = serde_json::to_vec(event).expect("an event has string keys");
    serde_json::from_slice(&json).expect("an event reads what it wrote")
}
