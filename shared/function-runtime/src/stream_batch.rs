//! The partial-batch driver for streams: order matters there, so it works up to the first failure and reports that record;
//! Lambda repeats the batch from it. Which records matter, and what they mean, is the caller's.
//! Source: AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda".

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures::FutureExt;

use crate::TimeLimit;

/// Runs the records of a stream's event one after another, each once the one before it is done.
///
/// At the first that fails (or panics, or for which no time is left) it stops and reports that record's sequence number:
/// what came before is done with, that record and all after it come again, in the same order. So a record that can never
/// succeed holds up its shard until it is too old; whoever prefers to go on puts it aside and answers `Ok`.
pub async fn run_stream<Handle, Handled, Error>(
    event: Event,
    limit: TimeLimit,
    handle: Handle,
) -> DynamoDbEventResponse
where
    Handle: Fn(EventRecord) -> Handled,
    Handled: Future<Output = Result<(), Error>>,
    Error: fmt::Display,
{
    let handle = &handle;
    let record = |record: &EventRecord| Ok::<_, Infallible>(vec![record.clone()]);
    run_stream_at_once(event, record, |records| async move {
        for (at, record) in records.into_iter().enumerate() {
            if !limit.has_time() {
                return Err((at, Stopped::Unbegun));
            }
            match AssertUnwindSafe(async { handle(record).await }).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err((at, Stopped::Failed(error))),
                Err(_) => return Err((at, Stopped::Panicked)),
            }
        }
        Ok(())
    })
    .await
}

/// Runs the records of a stream's event all at once, for work that goes together (a bus takes ten events in one call).
///
/// `decode` gives what a record holds: nothing, one item or several. `work` is given all items in order, up to the first
/// record that cannot be decoded, and says at which position the first item is that is not known to be done. The record
/// that holds it is reported; if there is none, the one that could not be decoded. If the work panics, that is the first.
pub async fn run_stream_at_once<Item, Undecodable, Work, Worked, Error>(
    event: Event,
    decode: impl Fn(&EventRecord) -> Result<Vec<Item>, Undecodable>,
    work: Work,
) -> DynamoDbEventResponse
where
    Undecodable: fmt::Display,
    Work: FnOnce(Vec<Item>) -> Worked,
    Worked: Future<Output = Result<(), (usize, Error)>>,
    Error: fmt::Display,
{
    let (mut items, mut records) = (Vec::new(), Vec::new());
    let mut undecodable = None;
    for record in &event.records {
        match decode(record) {
            Ok(found) => {
                records.extend(found.iter().map(|_| record));
                items.extend(found);
            }
            Err(error) => {
                tracing::error!(%error, record = record.event_id, "unreadable record stops the stream");
                undecodable = Some(record);
                break;
            }
        }
    }
    match AssertUnwindSafe(async { work(items).await }).catch_unwind().await {
        Ok(Ok(())) => response(undecodable),
        Ok(Err((at, error))) => {
            tracing::warn!(%error, at, "record failed, the stream goes on from it");
            // A position beyond the items would skip what failed; the batch comes again whole instead.
            response(records.get(at).copied().or(event.records.first()))
        }
        Err(_) => {
            tracing::error!("the work panicked, the stream goes on from its first record");
            response(event.records.first())
        }
    }
}

/// Why a record stopped the stream.
enum Stopped<Error> {
    Unbegun,
    Panicked,
    Failed(Error),
}

impl<Error: fmt::Display> fmt::Display for Stopped<Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbegun => f.write_str("no time left, record not begun"),
            Self::Panicked => f.write_str("handler panicked"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

fn response(failed: Option<&EventRecord>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed.map(failure).into_iter().collect();
    response
}

/// Of a record without a sequence number, which DynamoDB always gives, the whole batch comes again.
fn failure(record: &EventRecord) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = record.change.sequence_number.clone();
    failure
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    /// An event of records with the sequence numbers 101, 102, ...
    fn event(records: usize) -> Event {
        let record = |number: usize| {
            json!({
                "eventID": format!("e-{number}"), "eventName": "MODIFY", "awsRegion": "eu-central-1",
                "dynamodb": { "Keys": {}, "SequenceNumber": (100 + number).to_string(), "SizeBytes": 1 },
            })
        };
        let records: Vec<Value> = (1..=records).map(record).collect();
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    fn number(record: &EventRecord) -> usize {
        record.change.sequence_number.as_deref().unwrap().parse::<usize>().unwrap() - 100
    }

    fn reported(response: DynamoDbEventResponse) -> Vec<String> {
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier.unwrap()).collect()
    }

    /// Runs four records of which one goes wrong; gives what was begun and what was reported.
    async fn run(bad: usize, go_wrong: fn() -> Result<(), String>) -> (Vec<usize>, Vec<String>) {
        let begun = Mutex::new(Vec::new());
        let handle = |record: EventRecord| {
            begun.lock().unwrap().push(number(&record));
            async move { if number(&record) == bad { go_wrong() } else { Ok(()) } }
        };
        let response = run_stream(event(4), TimeLimit::NONE, handle).await;
        (begun.into_inner().unwrap(), reported(response))
    }

    #[tokio::test]
    async fn it_stops_at_the_first_failure_and_reports_that_record() {
        let fail = || Err("bus away".to_owned());
        assert_eq!(run(1, fail).await, (vec![1], vec!["101".to_owned()]));
        assert_eq!(run(3, fail).await, (vec![1, 2, 3], vec!["103".to_owned()]));
        assert_eq!(run(9, fail).await, (vec![1, 2, 3, 4], vec![]));
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_of_its_record() {
        assert_eq!(run(2, || panic!("the test asked for it")).await, (vec![1, 2], vec!["102".to_owned()]));
    }

    #[tokio::test]
    async fn without_time_nothing_is_begun_and_the_first_is_reported() {
        let handle = |_| async { panic!("no record may be begun") };
        let handle = |record| async {
            handle(record).await;
            Ok::<_, String>(())
        };
        let response = run_stream(event(3), TimeLimit::after(Duration::ZERO), handle).await;
        assert_eq!(reported(response), ["101"]);
    }

    #[tokio::test]
    async fn an_empty_event_has_no_failure() {
        let response = run_stream(event(0), TimeLimit::NONE, async |_| Ok::<_, String>(())).await;
        assert_eq!(serde_json::to_value(response).unwrap(), json!({ "batchItemFailures": [] }));
    }

    /// Records of two items each, but the second holds none; the one named cannot be decoded.
    async fn at_once(undecodable: usize, fails_at: Option<usize>) -> (Vec<String>, Vec<String>) {
        let decode = |record: &EventRecord| match number(record) {
            bad if bad == undecodable => Err("no event"),
            2 => Ok(Vec::new()),
            number => Ok(vec![format!("{number}a"), format!("{number}b")]),
        };
        let given = Mutex::new(Vec::new());
        let response = run_stream_at_once(event(4), decode, async |items: Vec<String>| {
            given.lock().unwrap().extend(items);
            fails_at.map_or(Ok(()), |at| Err((at, "bus away")))
        })
        .await;
        (given.into_inner().unwrap(), reported(response))
    }

    #[tokio::test]
    async fn a_failed_item_reports_the_record_that_holds_it() {
        for (fails_at, record) in [(0, "101"), (1, "101"), (2, "103"), (3, "103"), (5, "104")] {
            assert_eq!(at_once(9, Some(fails_at)).await.1, [record], "item {fails_at}");
        }
        assert_eq!(at_once(9, None).await.1, [""; 0]);
    }

    #[tokio::test]
    async fn what_lies_before_an_unreadable_record_is_worked_on() {
        let items = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(at_once(3, None).await, (items(&["1a", "1b"]), items(&["103"])));
        assert_eq!(at_once(3, Some(1)).await.1, ["101"], "the earlier of two failures");
        assert_eq!(at_once(1, None).await, (vec![], items(&["101"])));
    }

    /// A wrong position must not let a failure pass for success.
    #[tokio::test]
    async fn a_position_beyond_the_items_repeats_the_batch() {
        assert_eq!(at_once(9, Some(6)).await.1, ["101"]);
    }

    #[tokio::test]
    async fn a_panic_of_the_whole_work_repeats_the_batch() {
        let decode = |record: &EventRecord| Ok::<_, String>(vec![number(record)]);
        let work = async |_: Vec<usize>| -> Result<(), (usize, String)> { panic!("the test asked for it") };
        assert_eq!(reported(run_stream_at_once(event(3), decode, work).await), ["101"]);
    }
}
