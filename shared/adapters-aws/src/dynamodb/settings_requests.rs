//! What the settings ask DynamoDB, and what they make of a lost reply.

use millrace_domain::{Collection, ContentHash, Revision};
use millrace_ports::{ApiKey, ApiKeyStore, CollectionStore, ErrorKind};
use millrace_test_support::builders::{collection, model, tenant, trace};
use millrace_test_support::{SIM_START, SeededIds};
use serde_json::{Value, json};

use super::DynamoDbSettings;
use super::item::Item;
use super::setting_item::{api_key_item, collection_item, collection_setting_key, marker_key};
use super::wire::{
    answer, cancelled, condition_failed, failure, failure_with, only_request, requests, wire_item,
};
use crate::connection::replay::{Replay, Reply};

fn settings(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbSettings) {
    let replay = Replay::of(replies);
    let settings = DynamoDbSettings::new(replay.connection().dynamodb(), "settings".parse().unwrap());
    (replay, settings)
}

fn wanted(model_name: &str) -> Collection {
    Collection::new(tenant("acme"), collection("contracts"), (model(model_name), 384), SIM_START)
}

/// The same, on its way to another model, at a revision.
fn moving(revision: u64) -> Collection {
    let trace = trace(&SeededIds::new(1));
    let moving = wanted("one").start_reembedding((model("other"), 8), 3, trace, SIM_START).unwrap();
    Collection { revision: Revision::new(revision), ..moving }
}

/// What a replacement of a collection asks, but for its token.
fn replacement(next: &Collection, seen: u64, condition: &str, marker: &Value) -> Value {
    json!({ "TransactItems": [
        { "Put": {
            "TableName": "settings",
            "Item": wire_item(&collection_item(next).unwrap()),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": { "#revision": "revision" },
            "ExpressionAttributeValues": { ":seen": { "N": seen.to_string() } },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        } },
        marker,
    ] })
}

fn marker() -> Item {
    marker_key(&tenant("acme"), &collection("contracts"))
}

/// Takes the token out of a request.
fn token_of(body: &mut Value) -> String {
    let token = body.as_object_mut().unwrap().remove("ClientRequestToken").unwrap();
    token.as_str().unwrap().to_owned()
}

/// A cancelled replacement whose first condition failed, with the item that was there.
fn refused(there: Option<&Item>) -> Reply {
    let mut reason = json!({ "Code": "ConditionalCheckFailed" });
    if let Some(there) = there {
        reason["Item"] = wire_item(there);
    }
    let reasons = json!({ "CancellationReasons": [reason, { "Code": "None" }] });
    failure_with(400, "TransactionCanceledException", reasons)
}

fn key(label: &str) -> ApiKey {
    ApiKey {
        secret_sha256: ContentHash::from_digest([7; 32]),
        tenant_id: tenant("acme"),
        label: label.into(),
        created_at: SIM_START,
    }
}

#[tokio::test]
async fn a_creation_is_one_conditional_write() {
    let (replay, settings) = settings([answer(&json!({}))]);
    assert_eq!(settings.create_if_absent(wanted("one")).await.unwrap(), wanted("one"));
    let (operation, body) = only_request(&replay);
    let expected = json!({
        "TableName": "settings",
        "Item": wire_item(&collection_item(&wanted("one")).unwrap()),
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    assert_eq!((operation.as_str(), body), ("PutItem", expected));
}

#[tokio::test]
async fn who_comes_second_gets_the_winner() {
    let winner = collection_item(&wanted("winner")).unwrap();
    let (_, settings) = settings([condition_failed(Some(&winner))]);
    assert_eq!(settings.create_if_absent(wanted("late")).await.unwrap(), wanted("winner"));
}

#[tokio::test]
async fn a_key_whose_reply_was_lost_is_created() {
    let mine = api_key_item(&key("mine")).unwrap();
    let (replay, lost) = settings([Reply::Reset, condition_failed(Some(&mine))]);
    lost.create(key("mine")).await.unwrap();
    replay.assert_used_up();
    let (_, taken) = settings([condition_failed(Some(&mine))]);
    assert_eq!(taken.create(key("another")).await.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_missing_table_is_not_a_missing_key() {
    let (_, settings) = settings([failure(400, "ResourceNotFoundException")]);
    let error = settings.find(&key("mine").secret_sha256).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_is_corrupt() {
    let mut item = api_key_item(&key("mine")).unwrap();
    item.insert("setting".into(), super::item::text("{}"));
    let (_, settings) = settings([answer(&json!({ "Item": wire_item(&item) }))]);
    let error = settings.find(&key("mine").secret_sha256).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_replacement_changes_the_record_and_its_marker_at_once() {
    let (replay, settings) = settings([answer(&json!({})), answer(&json!({}))]);
    let begun = settings.replace(moving(0)).await.unwrap();
    assert_eq!(begun, moving(1));
    let aborted = begun.clone().abort_reembedding(SIM_START).unwrap();
    let aborted = aborted.end_step(0, SIM_START).end_step(0, SIM_START);
    let ended = settings.replace(aborted.clone()).await.unwrap();
    assert_eq!(ended, Collection { revision: Revision::new(2), ..aborted });

    let mut sent = requests(&replay);
    assert!(sent.iter().all(|(operation, _)| operation == "TransactWriteItems"));
    let tokens = sent.iter_mut().map(|(_, body)| token_of(body)).collect::<Vec<_>>();
    assert_ne!(tokens[0], tokens[1]);
    let put = json!({ "Put": { "TableName": "settings", "Item": wire_item(&marker()) } });
    let never_replaced = "attribute_exists(pk) AND (attribute_not_exists(#revision) OR #revision = :seen)";
    assert_eq!(sent[0].1, replacement(&begun, 0, never_replaced, &put));
    let delete = json!({ "Delete": { "TableName": "settings", "Key": wire_item(&marker()) } });
    assert_eq!(sent[1].1, replacement(&ended, 1, "#revision = :seen", &delete));
}

/// The SDK repeats it with the same token, and the service knows that it was done.
#[tokio::test]
async fn a_replacement_whose_reply_was_lost_is_repeated_as_it_was() {
    let (replay, settings) = settings([Reply::Reset, answer(&json!({}))]);
    settings.replace(moving(4)).await.unwrap();
    let sent = requests(&replay);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

/// Two that move a saga on at once may well write the same; still only one of them did it.
#[tokio::test]
async fn two_replacements_with_the_same_content_have_tokens_of_their_own() {
    let (replay, settings) = settings([answer(&json!({})), answer(&json!({}))]);
    settings.replace(moving(4)).await.unwrap();
    settings.replace(moving(4)).await.unwrap();
    let mut sent = requests(&replay);
    let tokens = sent.iter_mut().map(|(_, body)| token_of(body)).collect::<Vec<_>>();
    assert_eq!(sent[0], sent[1]);
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn why_a_replacement_was_refused_is_told_apart() {
    let other = collection_item(&moving(7)).unwrap();
    let refusals = [
        (refused(Some(&other)), ErrorKind::Conflict),
        (refused(None), ErrorKind::NotFound),
        (cancelled(&["TransactionConflict", "None"]), ErrorKind::Conflict),
        (cancelled(&["None", "TransactionConflict"]), ErrorKind::Conflict),
        (cancelled(&["ThrottlingError", "None"]), ErrorKind::Throttled),
        (failure(400, "AccessDeniedException"), ErrorKind::Unavailable),
    ];
    for (refusal, kind) in refusals {
        let (_, settings) = settings([refusal]);
        assert_eq!(settings.replace(moving(4)).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_list_asks_for_one_more_than_it_gives_and_reads_every_page() {
    let item = |name: &str| {
        let named = Collection { name: collection(name), ..wanted("one") };
        wire_item(&collection_item(&named).unwrap())
    };
    let key = |name: &str| wire_item(&collection_setting_key(&tenant("acme"), &collection(name)));
    let (replay, settings) = settings([
        answer(&json!({ "Items": [item("b")], "LastEvaluatedKey": key("b") })),
        answer(&json!({ "Items": [item("c"), item("d")], "LastEvaluatedKey": key("d") })),
    ]);
    let page = settings.list(&tenant("acme"), Some(&collection("a")), 2).await.unwrap();
    let names: Vec<_> = page.collections.iter().map(|collection| collection.name.as_str()).collect();
    assert_eq!((names, page.next), (vec!["b", "c"], Some(collection("c"))));
    let asked = |after: &str, limit: u32| {
        json!({
            "TableName": "settings",
            "ConsistentRead": true,
            "KeyConditionExpression": "#pk = :pk AND begins_with(#sk, :collections)",
            "ExpressionAttributeNames": { "#pk": "pk", "#sk": "sk" },
            "ExpressionAttributeValues": {
                ":pk": { "S": "tenant#acme" }, ":collections": { "S": "collection#" },
            },
            "ExclusiveStartKey": key(after),
            "Limit": limit,
        })
    };
    assert_eq!(requests(&replay), [("Query".into(), asked("a", 3)), ("Query".into(), asked("b", 2))]);
}

#[tokio::test]
async fn whether_a_saga_is_under_way_is_one_consistent_query_of_one_partition() {
    let (replay, settings) = settings([answer(&json!({ "Items": [wire_item(&marker())] }))]);
    assert_eq!(settings.under_reembedding(10).await.unwrap(), [(tenant("acme"), collection("contracts"))]);
    let expected = json!({
        "TableName": "settings",
        "ConsistentRead": true,
        "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": { "#pk": "pk" },
        "ExpressionAttributeValues": { ":pk": { "S": "reembedding" } },
        "Limit": 10,
    });
    assert_eq!(only_request(&replay), ("Query".into(), expected));
}

#[tokio::test]
async fn a_marker_that_names_no_collection_is_corrupt() {
    let mut broken = marker();
    broken.insert("sk".into(), super::item::text("acme"));
    let (_, settings) = settings([answer(&json!({ "Items": [wire_item(&broken)] }))]);
    assert_eq!(settings.under_reembedding(10).await.unwrap_err().kind, ErrorKind::Corrupt);
}
