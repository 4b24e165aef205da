//! What the event store asks DynamoDB, and what it makes of each answer: replayed, since an emulator neither throttles nor
//! loses replies nor shows half a transaction.

use std::time::Duration;

use millrace_domain::{CollectionName, DocumentHead, DocumentKey, EventEnvelope, Generation, Version};
use millrace_ports::{Append, Claim, ErrorKind, EventStore, IdGenerator, PortError, StepKey};
use millrace_test_support::builders::completing;
use millrace_test_support::{SIM_START, SeededIds, Story};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::dynamodb_event_store::pause_after_conflict;
use super::item::Item;
use super::journal_item::{event_item, head_item, snapshot_item, with_appended};
use super::wire::{answer, cancelled, failure, only_request, requests, wire_item};
use super::{DynamoDbEventStore, JournalTables};
use crate::connection::replay::{Replay, Reply};

fn store(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbEventStore) {
    let replay = Replay::of(replies);
    let tables = JournalTables { journal: "journal".parse().unwrap(), ledger: "ledger".parse().unwrap() };
    let store = DynamoDbEventStore::new(replay.connection().dynamodb(), tables);
    (replay, store)
}

fn uploaded() -> (SeededIds, Story, Append) {
    let ids = SeededIds::new(1);
    let mut story = Story::of(&ids, "acme");
    let append = story.upload(&ids);
    (ids, story, append)
}

fn claim_on(key: &DocumentKey, ids: &SeededIds) -> Claim {
    Claim {
        step: StepKey::ingest(key, Generation::FIRST, 0),
        owner: ids.uuid(),
        expires_at: SIM_START,
        attempt: 1,
        memo: String::new(),
    }
}

fn page(items: &[Item], next: Option<&Item>) -> Reply {
    let items: Vec<Value> = items.iter().map(wire_item).collect();
    let mut body = json!({ "Items": items, "Count": items.len(), "ScannedCount": items.len() });
    if let Some(next) = next {
        let key = json!({ "pk": wire_item(next)["pk"], "sk": wire_item(next)["sk"] });
        body["LastEvaluatedKey"] = key;
    }
    answer(&body)
}

async fn append_fails(replies: Vec<Reply>) -> PortError {
    let (ids, _, append) = uploaded();
    let claim = claim_on(&append.key, &ids);
    let (replay, store) = store(replies);
    let error = store.append(completing(append, &claim, "done")).await.unwrap_err();
    replay.assert_used_up();
    error
}

#[tokio::test]
async fn the_first_append_holds_that_the_document_is_new() {
    let (_, story, append) = uploaded();
    let (replay, store) = store([answer(&json!({}))]);
    assert_eq!(store.append(append.clone()).await.unwrap(), Version::new(1));
    let (operation, mut body) = only_request(&replay);
    assert_eq!(operation, "TransactWriteItems");
    let token = body["ClientRequestToken"].take();
    assert_eq!(token.as_str().unwrap().len(), 32);
    let put = |item: &Item| {
        json!({ "Put": {
            "TableName": "journal",
            "Item": wire_item(item),
            "ConditionExpression": "attribute_not_exists(pk)",
        } })
    };
    let head = head_item(&story.key, &story.state().head());
    let envelope = serde_json::to_string(&append.events[0]).unwrap();
    let mut first = put(&head);
    first["Put"]["Item"]["appended"] = json!({ "L": [{ "S": envelope }] });
    let items = [first, put(&event_item(&append.events[0]).unwrap())];
    assert_eq!(body, json!({ "ClientRequestToken": null, "TransactItems": items }));
}

#[tokio::test]
async fn a_later_append_holds_the_version_and_the_claim() {
    let (ids, mut story, _) = uploaded();
    let claim = claim_on(&story.key, &ids);
    let mut append = completing(story.extract(&ids), &claim, "extracted");
    append.snapshot = Some(Box::new(story.state().clone()));
    let (replay, store) = store([answer(&json!({}))]);
    store.append(append.clone()).await.unwrap();
    let (_, body) = only_request(&replay);
    let items = body["TransactItems"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    // The event's time: a second after the first, in milliseconds and in seconds.
    let (at, at_s) = ("1763690401000", "1763690401");
    let completion = json!({ "Update": {
        "TableName": "ledger",
        "Key": { "step": { "S": claim.step.as_str() } },
        "UpdateExpression": "SET #result = if_not_exists(#result, :result), \
            #done_at = if_not_exists(#done_at, :at), #ttl = #remember_s + :at_s ADD #revision :one",
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {
            "#owner": "owner", "#result": "result", "#done_at": "done_at", "#ttl": "ttl",
            "#remember_s": "remember_s", "#revision": "revision",
        },
        "ExpressionAttributeValues": {
            ":owner": { "S": claim.owner.to_string() }, ":result": { "S": "extracted" },
            ":at": { "N": at }, ":at_s": { "N": at_s }, ":one": { "N": "1" },
        },
    } });
    assert_eq!(items[0], completion);
    let head = head_item(&story.key, &story.state().head());
    let head = json!({ "Put": {
        "TableName": "journal",
        "Item": wire_item(&with_appended(head, &[event_item(&append.events[0]).unwrap()])),
        "ConditionExpression": "#version = :expected",
        "ExpressionAttributeNames": { "#version": "version" },
        "ExpressionAttributeValues": { ":expected": { "N": "1" } },
    } });
    assert_eq!(items[1], head);
    assert_eq!(items[2]["Put"]["ConditionExpression"], "attribute_not_exists(pk)");
    let snapshot = snapshot_item(&story.key, story.state()).unwrap();
    assert_eq!(items[3], json!({ "Put": { "TableName": "journal", "Item": wire_item(&snapshot) } }));
}

/// Of many writers of one document those that lost do not come again all at once.
#[tokio::test(start_paused = true)]
async fn who_lost_to_another_writer_learns_it_after_a_pause_of_its_own() {
    let ids = SeededIds::new(1);
    let appends: Vec<Append> = (0..200).map(|_| Story::of(&ids, "acme").upload(&ids)).collect();
    let pauses: Vec<Duration> = appends.iter().map(pause_after_conflict).collect();
    let (shortest, longest) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(shortest.as_millis() < 10 && (91..=100).contains(&longest.as_millis()), "{pauses:?}");
    for (append, pause) in appends.into_iter().zip(pauses).take(3) {
        let (_, store) = store([cancelled(&["ConditionalCheckFailed", "None"])]);
        let begun = Instant::now();
        assert_eq!(store.append(append).await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(begun.elapsed().as_millis(), pause.as_millis());
    }
    let (_, store) = store([cancelled(&["ThrottlingError", "None"])]);
    let begun = Instant::now();
    assert_eq!(store.append(uploaded().2).await.unwrap_err().kind, ErrorKind::Throttled);
    assert_eq!(begun.elapsed(), Duration::ZERO, "only a conflict is waited for");
}

/// The reply is lost, the request repeated as it was: the service knows it again by its token.
#[tokio::test]
async fn a_lost_reply_repeats_the_same_request() {
    let (_, _, append) = uploaded();
    let (replay, store) = store([Reply::Reset, answer(&json!({}))]);
    store.append(append).await.unwrap();
    let sent = requests(&replay);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn each_reason_of_a_cancellation_has_its_kind() {
    let cases = [
        (["ConditionalCheckFailed", "None", "None"], ErrorKind::ClaimLost),
        (["None", "ConditionalCheckFailed", "None"], ErrorKind::Conflict),
        (["None", "None", "ConditionalCheckFailed"], ErrorKind::Conflict),
        (["ConditionalCheckFailed", "ConditionalCheckFailed", "None"], ErrorKind::ClaimLost),
        (["TransactionConflict", "None", "None"], ErrorKind::Conflict),
        (["None", "TransactionConflict", "None"], ErrorKind::Conflict),
        (["None", "None", "ThrottlingError"], ErrorKind::Throttled),
        (["None", "ProvisionedThroughputExceeded", "None"], ErrorKind::Throttled),
        (["None", "None", "ItemCollectionSizeLimitExceeded"], ErrorKind::Invalid),
        (["None", "ValidationError", "None"], ErrorKind::Invalid),
    ];
    for (codes, kind) in cases {
        let error = append_fails(vec![cancelled(&codes)]).await;
        assert_eq!(error.kind, kind, "{codes:?}");
        assert!(error.attempted.starts_with("append to document "));
    }
}

/// Three attempts each, where another one may help.
#[tokio::test]
async fn failures_of_the_service_have_their_kinds() {
    let thrice = |reply: fn() -> Reply| vec![reply(), reply(), reply()];
    let cases = [
        (thrice(|| failure(400, "ThrottlingException")), ErrorKind::Throttled),
        (thrice(|| failure(400, "ProvisionedThroughputExceededException")), ErrorKind::Throttled),
        (thrice(|| failure(400, "RequestLimitExceeded")), ErrorKind::Throttled),
        (thrice(|| failure(400, "TransactionInProgressException")), ErrorKind::Throttled),
        (thrice(|| failure(500, "InternalServerError")), ErrorKind::Unavailable),
        (thrice(|| Reply::of(503, "")), ErrorKind::Unavailable),
        (thrice(|| Reply::Reset), ErrorKind::Unavailable),
        (vec![failure(400, "ResourceNotFoundException")], ErrorKind::Unavailable),
        (vec![failure(400, "AccessDeniedException")], ErrorKind::Unavailable),
        (vec![failure(400, "ValidationException")], ErrorKind::Invalid),
        (vec![failure(400, "IdempotentParameterMismatchException")], ErrorKind::Invalid),
    ];
    for (replies, kind) in cases {
        let shown = format!("{replies:?}");
        assert_eq!(append_fails(replies).await.kind, kind, "{shown}");
    }
}

/// A document of `count` events: its story, its events, and its partition as a load reads it.
fn told(count: u32) -> (Story, Vec<EventEnvelope>, Vec<Item>) {
    let (ids, mut story, append) = uploaded();
    let mut events = append.events;
    events.extend(story.waver(&ids, 0..count - 1).events);
    let items = events.iter().rev().map(|event| event_item(event).unwrap());
    let partition = [head_item(&story.key, &story.state().head())].into_iter().chain(items).collect();
    (story, events, partition)
}

#[tokio::test]
async fn a_load_reads_consistently_backwards_to_the_last_page() {
    let (story, events, partition) = told(6);
    let (first, rest) = partition.split_at(3);
    let (second, third) = rest.split_at(2);
    let replies = [page(first, first.last()), page(second, second.last()), page(third, None)];
    let (replay, store) = store(replies);
    let history = store.load(&story.key).await.unwrap().unwrap();
    assert_eq!((history.snapshot, history.events), (None, events));
    let sent = requests(&replay);
    let partition_key = format!("acme#{}", story.key.document_id);
    let query = json!({
        "TableName": "journal",
        "Limit": 73,
        "ConsistentRead": true,
        "ScanIndexForward": false,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": partition_key } },
    });
    assert_eq!(sent[0], ("Query".to_owned(), query.clone()));
    let mut next = query;
    next.as_object_mut().unwrap().remove("Limit");
    next["ExclusiveStartKey"] = json!({ "pk": { "S": partition_key }, "sk": { "N": "5" } });
    assert_eq!(sent[1], ("Query".to_owned(), next));
    replay.assert_used_up();
}

/// A transaction in the making shows its head before its events; a moment later all of them are there.
#[tokio::test]
async fn a_load_looks_again_for_an_event_that_is_not_there_yet() {
    let (story, events, partition) = told(4);
    let torn = [&partition[..2], &partition[3..]].concat();
    let (replay, store) = store([page(&torn, None), page(&partition, None)]);
    assert_eq!(store.load(&story.key).await.unwrap().unwrap().events, events);
    replay.assert_used_up();
}

#[tokio::test]
async fn an_event_that_stays_away_makes_the_history_corrupt() {
    let (story, _, partition) = told(4);
    let torn = [&partition[..2], &partition[3..]].concat();
    let (replay, store) = store((0..5).map(|_| page(&torn, None)));
    let error = store.load(&story.key).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "event 3 is missing from the history");
    replay.assert_used_up();
}

#[tokio::test]
async fn a_read_goes_on_over_pages_and_waits_at_a_gap() {
    let (story, events, partition) = told(6);
    let forward: Vec<Item> = partition[1..].iter().rev().cloned().collect();
    let torn = [&forward[2..3], &forward[4..5]].concat();
    let (replay, store) =
        store([page(&forward[..2], forward.get(1)), page(&torn, None), page(&forward[3..5], forward.get(4))]);
    let read = store.read(&story.key, Version::NONE, 5).await.unwrap();
    assert_eq!(read, events[..5]);
    let sent = requests(&replay);
    let first = json!({
        "TableName": "journal",
        "Limit": 5,
        "ConsistentRead": true,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "FilterExpression": "attribute_exists(#envelope)",
        "ExpressionAttributeNames": { "#envelope": "envelope" },
        "ExpressionAttributeValues": {
            ":pk": { "S": format!("acme#{}", story.key.document_id) },
            ":first": { "N": "1" },
            ":last": { "N": "18446744073709551615" },
        },
    });
    assert_eq!(sent[0].1, first);
    assert_eq!(
        (&sent[1].1["Limit"], &sent[1].1["ExclusiveStartKey"]["sk"]),
        (&json!(3), &json!({ "N": "2" }))
    );
    assert_eq!(sent[2].1["ExpressionAttributeValues"][":first"], json!({ "N": "4" }));
    replay.assert_used_up();
}

fn heads_answer(found: &[Item], unprocessed: &[&Item]) -> Reply {
    let keys = |item: &&Item| json!({ "pk": wire_item(item)["pk"], "sk": wire_item(item)["sk"] });
    let found: Vec<Value> = found.iter().map(wire_item).collect();
    let keys: Vec<Value> = unprocessed.iter().map(keys).collect();
    let unprocessed = if keys.is_empty() { json!({}) } else { json!({ "journal": { "Keys": keys } }) };
    answer(&json!({ "Responses": { "journal": found }, "UnprocessedKeys": unprocessed }))
}

fn two_heads() -> (Vec<DocumentKey>, Vec<DocumentHead>, Vec<Item>) {
    let ids = SeededIds::new(1);
    let mut stories = [Story::of(&ids, "acme"), Story::of(&ids, "acme")];
    stories.iter_mut().for_each(|story| drop(story.upload(&ids)));
    let keys = stories.iter().map(|story| story.key.clone()).collect();
    let heads: Vec<DocumentHead> = stories.iter().map(|story| story.state().head()).collect();
    let items = stories.iter().map(|story| head_item(&story.key, &story.state().head())).collect();
    (keys, heads, items)
}

#[tokio::test]
async fn unprocessed_heads_are_asked_for_again_until_all_are_there() {
    let (keys, heads, items) = two_heads();
    let (replay, store) = store([
        heads_answer(&[], &[&items[0], &items[1]]),
        heads_answer(&items[1..], &[&items[0]]),
        heads_answer(&items[..1], &[]),
    ]);
    let asked = [keys[0].clone(), keys[1].clone(), keys[0].clone()];
    let found = store.heads(&asked).await.unwrap();
    assert_eq!(found, [Some(heads[0].clone()), Some(heads[1].clone()), Some(heads[0].clone())]);
    let sent = requests(&replay);
    let asked: Vec<usize> = sent
        .iter()
        .map(|(operation, body)| {
            assert_eq!(
                (operation.as_str(), &body["RequestItems"]["journal"]["ConsistentRead"]),
                ("BatchGetItem", &json!(true))
            );
            body["RequestItems"]["journal"]["Keys"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(asked, [2, 2, 1]);
    replay.assert_used_up();
}

#[tokio::test]
async fn heads_that_stay_unprocessed_are_throttled() {
    let (keys, _, items) = two_heads();
    let (replay, store) = store((0..6).map(|_| heads_answer(&[], &[&items[0], &items[1]])));
    assert_eq!(store.heads(&keys).await.unwrap_err().kind, ErrorKind::Throttled);
    replay.assert_used_up();
}

/// A page of the index may be cut short by its size: what follows is asked for, up to the limit and no further.
#[tokio::test]
async fn the_documents_of_a_collection_are_read_to_the_end() {
    let (keys, _, items) = two_heads();
    let (replay, store) = store([page(&items[..1], Some(&items[0])), page(&items[1..], None)]);
    let (tenant, name) = (&keys[0].tenant_id, CollectionName::default());
    let after = SeededIds::new(9).document_id();
    let listed = store.documents_of(tenant, &name, Some(after), 10).await.unwrap();
    assert_eq!(listed, [keys[0].document_id, keys[1].document_id]);
    let queries = requests(&replay);
    for (number, (_, body)) in queries.iter().enumerate() {
        assert_eq!(body["IndexName"], "by_collection");
        assert_eq!(body["ScanIndexForward"], false);
        assert_eq!(body["Limit"], 10 - number);
        assert_eq!(body["ExpressionAttributeValues"][":collection"]["S"], "acme#default");
        assert_eq!(body["ExpressionAttributeValues"][":after"]["S"], format!("acme#{after}"));
    }
    replay.assert_used_up();
}
