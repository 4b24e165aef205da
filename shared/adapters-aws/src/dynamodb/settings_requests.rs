//! What the settings ask DynamoDB, and what they make of a lost reply.

use millrace_domain::ContentHash;
use millrace_ports::{ApiKey, ApiKeyStore, Collection, CollectionStore, ErrorKind};
use millrace_test_support::SIM_START;
use millrace_test_support::builders::{collection, model, tenant};
use serde_json::json;

use super::DynamoDbSettings;
use super::setting_item::{api_key_item, collection_item};
use super::wire::{answer, condition_failed, failure, only_request, wire_item};
use crate::connection::replay::{Replay, Reply};

fn settings(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbSettings) {
    let replay = Replay::of(replies);
    let settings = DynamoDbSettings::new(replay.connection().dynamodb(), "settings".parse().unwrap());
    (replay, settings)
}

fn wanted(model_name: &str) -> Collection {
    Collection {
        tenant_id: tenant("acme"),
        name: collection("contracts"),
        model: model(model_name),
        dimensions: 384,
        created_at: SIM_START,
    }
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
