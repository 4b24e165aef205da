//! What the read model asks DynamoDB, and what it makes of each answer: replayed, since an emulator's indexes are never
//! behind and its pages never end early.

use millrace_domain::Status;
use millrace_ports::{DocumentView, ErrorKind, ListQuery, ReadModel, ViewCount};
use millrace_test_support::builders::{collection, tenant};
use millrace_test_support::{SeededIds, Story};
use serde_json::{Value, json};

use super::DynamoDbReadModel;
use super::view_item::view_item;
use super::wire::{answer, condition_failed, failure, only_request, requests, wire_item};
use crate::connection::replay::{Replay, Reply};

fn model(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbReadModel) {
    let replay = Replay::of(replies);
    let model = DynamoDbReadModel::new(replay.connection().dynamodb(), "views".parse().unwrap());
    (replay, model)
}

/// Views of a tenant, the newest first.
fn views(count: usize) -> Vec<DocumentView> {
    let ids = SeededIds::new(1);
    let mut views: Vec<DocumentView> = (0..count)
        .map(|_| {
            let mut story = Story::of(&ids, "acme");
            story.upload(&ids);
            story.view()
        })
        .collect();
    views.reverse();
    views
}

fn query(limit: usize) -> ListQuery {
    ListQuery { tenant_id: tenant("acme"), collection: None, status: None, label: None, after: None, limit }
}

/// A page of an index, which has only the keys.
fn entries(views: &[DocumentView], next: Option<&DocumentView>) -> Reply {
    let entry = |view: &DocumentView| {
        let item = wire_item(&view_item(view).unwrap());
        json!({ "pk": item["pk"], "document": item["document"] })
    };
    let mut body = json!({ "Items": views.iter().map(entry).collect::<Vec<_>>() });
    if let Some(next) = next {
        body["LastEvaluatedKey"] = entry(next);
    }
    answer(&body)
}

/// Views in another order than asked, as the service gives them.
fn documents(views: &[DocumentView]) -> Reply {
    let items: Vec<Value> = views.iter().rev().map(|view| wire_item(&view_item(view).unwrap())).collect();
    answer(&json!({ "Responses": { "views": items }, "UnprocessedKeys": {} }))
}

#[tokio::test]
async fn a_save_holds_that_the_version_is_higher() {
    let view = views(1).remove(0);
    let (replay, model) = model([answer(&json!({}))]);
    model.save(std::slice::from_ref(&view)).await.unwrap();
    let expected = json!({
        "TableName": "views",
        "Item": wire_item(&view_item(&view).unwrap()),
        "ConditionExpression": "attribute_not_exists(pk) OR #version < :version",
        "ExpressionAttributeNames": { "#version": "version" },
        "ExpressionAttributeValues": { ":version": { "N": "1" } },
    });
    assert_eq!(only_request(&replay), ("PutItem".to_owned(), expected));
}

#[tokio::test]
async fn a_save_that_is_too_late_is_no_failure_but_others_are() {
    let view = views(1);
    let (_, late) = model([condition_failed(None)]);
    late.save(&view).await.unwrap();
    let cases = [
        ("ThrottlingException", 3, ErrorKind::Throttled),
        ("TransactionConflictException", 1, ErrorKind::Conflict),
        ("ValidationException", 1, ErrorKind::Invalid),
    ];
    for (code, attempts, kind) in cases {
        let (_, model) = model((0..attempts).map(|_| failure(400, code)));
        assert_eq!(model.save(&view).await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test]
async fn a_list_reads_ids_from_the_index_and_then_the_documents() {
    let views = views(3);
    let after = ListQuery { after: Some(views[0].key.document_id), ..query(1) };
    let (replay, model) = model([entries(&views[1..], Some(&views[2])), documents(&views[1..2])]);
    let page = model.list(&after).await.unwrap();
    assert_eq!((page.views, page.next), (views[1..2].to_vec(), Some(views[1].key.document_id)));
    let sent = requests(&replay);
    let expected = json!({
        "TableName": "views",
        "IndexName": "by_tenant",
        "Limit": 2,
        "ScanIndexForward": false,
        "KeyConditionExpression": "#key = :key AND #document < :after",
        "ExpressionAttributeNames": { "#key": "live_tenant", "#document": "document" },
        "ExpressionAttributeValues": {
            ":key": { "S": "acme" },
            ":after": { "S": views[0].key.document_id.to_string() },
        },
    });
    assert_eq!(sent[0], ("Query".to_owned(), expected));
    let keys = json!([{ "pk": wire_item(&view_item(&views[1]).unwrap())["pk"] }]);
    let wanted = json!({ "views": { "Keys": keys, "ConsistentRead": true } });
    assert_eq!(sent[1], ("BatchGetItem".to_owned(), json!({ "RequestItems": wanted })));
}

#[tokio::test]
async fn what_the_key_does_not_say_is_filtered_and_read_on_until_the_page_is_full() {
    let views = views(5);
    let all =
        ListQuery { status: Some(Status::Processing), collection: Some(collection("default")), ..query(2) };
    let (replay, model) = model([
        entries(&views[..1], Some(&views[1])),
        documents(&views[..1]),
        entries(&[], Some(&views[2])),
        entries(&views[3..], None),
        documents(&views[3..4]),
    ]);
    let page = model.list(&all).await.unwrap();
    assert_eq!(page.views, [views[0].clone(), views[3].clone()]);
    assert_eq!(page.next, Some(views[3].key.document_id), "there is one more");
    let sent = requests(&replay);
    assert_eq!(sent[0].1["IndexName"], "by_status");
    assert_eq!(sent[0].1["Limit"], 1_000);
    assert_eq!(sent[0].1["FilterExpression"], "#collection = :collection");
    assert_eq!(sent[0].1["ExpressionAttributeValues"][":key"], json!({ "S": "acme#processing" }));
    let after =
        |at: usize| sent[at].1["ExpressionAttributeValues"][":after"]["S"].as_str().map(str::to_owned);
    let id = |at: usize| Some(views[at].key.document_id.to_string());
    assert_eq!([after(0), after(2), after(3)], [None, id(1), id(2)]);
    replay.assert_used_up();
}

/// The index says ready, the document was deleted a moment ago: it is left out, and the page filled with the next.
#[tokio::test]
async fn a_document_that_no_longer_belongs_is_left_out() {
    let mut views = views(3);
    let stale = views[0].clone();
    views[0].document.status = Status::Deleted;
    let listed = [&[stale], &views[1..]].concat();
    let (replay, model) = model([
        entries(&listed[..2], Some(&listed[1])),
        documents(&views[..1]),
        entries(&views[1..], None),
        documents(&views[1..2]),
    ]);
    let page = model.list(&query(1)).await.unwrap();
    assert_eq!((page.views, page.next), (views[1..2].to_vec(), Some(views[1].key.document_id)));
    replay.assert_used_up();
}

#[tokio::test]
async fn a_list_that_finds_nothing_for_long_says_where_to_go_on() {
    let views = views(1);
    let (replay, model) = model((0..20).map(|_| entries(&[], Some(&views[0]))));
    let ready = ListQuery { status: Some(Status::Ready), ..query(10) };
    let page = model.list(&ready).await.unwrap();
    assert_eq!((page.views, page.next), (vec![], Some(views[0].key.document_id)));
    replay.assert_used_up();
}

#[tokio::test]
async fn counts_are_summed_over_all_pages_of_each_state() {
    let counted = |name: &str, chunks: u64, bytes: u64| {
        json!({
            "collection": { "S": name },
            "chunks": { "N": chunks.to_string() },
            "bytes": { "N": bytes.to_string() },
        })
    };
    let first = json!({
        "Items": [counted("letters", 1, 10), counted("contracts", 2, 20)],
        "LastEvaluatedKey": { "pk": { "S": "k" }, "tenant_status": { "S": "s" }, "document": { "S": "d" } },
    });
    let second = json!({ "Items": [counted("letters", 3, 30)] });
    let empty = || answer(&json!({ "Items": [] }));
    // Nothing is waited for here, so the first state's pages come one after the other.
    let replies = [answer(&first), answer(&second), empty(), empty(), empty(), empty(), empty()];
    let (replay, model) = model(replies);
    let counts = model.counts(&tenant("acme")).await.unwrap();
    let count = |name, documents, chunks, bytes| ViewCount {
        collection: collection(name),
        status: Status::Processing,
        documents,
        chunks,
        bytes,
    };
    assert_eq!(counts, [count("contracts", 1, 2, 20), count("letters", 2, 4, 40)]);
    let sent = requests(&replay);
    let states: Vec<_> =
        sent.iter().map(|(_, body)| &body["ExpressionAttributeValues"][":status"]["S"]).collect();
    let expected = Status::ALL.map(|status| format!("acme#{status}"));
    assert!(expected.iter().all(|state| states.iter().any(|asked| *asked == state)), "{states:?}");
    assert!(sent.iter().all(|(_, body)| body["IndexName"] == "by_status" && body.get("Limit").is_none()));
    assert_eq!(sent[1].1["ExclusiveStartKey"]["document"]["S"], "d");
}
