//! What the cache asks DynamoDB, and what it makes of requests that are done only in part.

use std::sync::Arc;

use millrace_domain::ContentHash;
use millrace_ports::{Embedding, EmbeddingCache, ErrorKind};
use millrace_test_support::builders::{hash, model, tenant};
use millrace_test_support::{SIM_START, SimClock};
use serde_json::{Value, json};

use super::DynamoDbEmbeddingCache;
use super::cached_vector::{vector_item, vector_key};
use super::wire::{answer, requests, wire_item};
use crate::connection::replay::{Replay, Reply};

fn cache(replies: impl IntoIterator<Item = Reply>) -> (Replay, DynamoDbEmbeddingCache) {
    let replay = Replay::of(replies);
    let (client, table) = (replay.connection().dynamodb(), "cache".parse().unwrap());
    let cache = DynamoDbEmbeddingCache::new(client, table, Arc::new(SimClock::default())).keeping_ms(5_001);
    (replay, cache)
}

fn vectors(count: u64) -> Vec<(ContentHash, Embedding)> {
    (0..count).map(|number| (hash(number), Embedding(vec![1.0, -0.5]))).collect()
}

fn put_of(number: u64) -> Value {
    let key = vector_key(&tenant("acme"), &hash(number), &model("minilm"));
    let item = vector_item(key, &Embedding(vec![1.0, -0.5]), SIM_START.plus_millis(5_001));
    json!({ "PutRequest": { "Item": wire_item(&item) } })
}

fn left_over(writes: &[Value]) -> Reply {
    let rest = if writes.is_empty() { json!({}) } else { json!({ "cache": writes }) };
    answer(&json!({ "UnprocessedItems": rest }))
}

fn writes(body: &Value) -> &Vec<Value> {
    body["RequestItems"]["cache"].as_array().unwrap()
}

#[tokio::test]
async fn a_vector_is_put_as_bytes_that_may_be_deleted_later() {
    let (replay, cache) = cache([left_over(&[])]);
    cache.put(&tenant("acme"), &model("minilm"), &vectors(1)).await.unwrap();
    let (operation, body) = requests(&replay).remove(0);
    assert_eq!(operation, "BatchWriteItem");
    assert_eq!(writes(&body), &[put_of(0)]);
    let item = &body["RequestItems"]["cache"][0]["PutRequest"]["Item"];
    // A scale of 1/127, then 127 and -64: half a unit rounds away from zero.
    assert_eq!(item["vector"], json!({ "B": "BAIBPH/A" }));
    assert_eq!(item["ttl"], json!({ "N": "1763690406" }));
    assert_eq!(item["pk"], json!({ "S": format!("acme#{}", hash(0).as_str()) }));
    assert_eq!(item["sk"], json!({ "S": "minilm" }));
}

#[tokio::test]
async fn what_is_left_unprocessed_is_sent_again_until_it_is_done() {
    let (replay, cache) =
        cache([left_over(&[put_of(0), put_of(1)]), left_over(&[put_of(1)]), left_over(&[])]);
    cache.put(&tenant("acme"), &model("minilm"), &vectors(3)).await.unwrap();
    let sent: Vec<usize> = requests(&replay).iter().map(|(_, body)| writes(body).len()).collect();
    assert_eq!(sent, [3, 2, 1]);
    assert_eq!(writes(&requests(&replay)[2].1), &[put_of(1)]);
}

#[tokio::test]
async fn what_stays_unprocessed_is_throttled() {
    let (replay, cache) = cache((0..6).map(|_| left_over(&[put_of(0)])));
    let error = cache.put(&tenant("acme"), &model("minilm"), &vectors(1)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled);
    replay.assert_used_up();
}

#[tokio::test]
async fn requests_hold_no_more_than_the_service_takes_and_no_key_twice() {
    let (replay, cache) = cache((0..3).map(|_| left_over(&[])));
    let twice = [vectors(60), vectors(60)].concat();
    cache.put(&tenant("acme"), &model("minilm"), &twice).await.unwrap();
    let mut sizes: Vec<usize> = requests(&replay).iter().map(|(_, body)| writes(body).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 25, 25]);
}

#[tokio::test]
async fn a_look_up_asks_for_a_hundred_keys_at_a_time() {
    let none = || answer(&json!({ "Responses": {}, "UnprocessedKeys": {} }));
    let (replay, cache) = cache([none(), none(), none()]);
    let hashes: Vec<ContentHash> = (0..250).map(hash).collect();
    let found = cache.get(&tenant("acme"), &model("minilm"), &hashes).await.unwrap();
    assert_eq!(found, vec![None; 250]);
    let keys = |body: &Value| body["RequestItems"]["cache"]["Keys"].as_array().unwrap().len();
    let mut sizes: Vec<usize> = requests(&replay).iter().map(|(_, body)| keys(body)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

/// What another release or a broken write left there costs an embedding, not an error.
#[tokio::test]
async fn an_entry_that_cannot_be_read_counts_as_absent() {
    let key = vector_key(&tenant("acme"), &hash(0), &model("minilm"));
    let items = json!([wire_item(&key)]);
    let (_, cache) = cache([answer(&json!({ "Responses": { "cache": items } }))]);
    assert_eq!(cache.get(&tenant("acme"), &model("minilm"), &[hash(0)]).await.unwrap(), [None]);
}

#[tokio::test]
async fn removal_finds_the_models_of_a_text_over_all_pages() {
    let key = |name: &str| wire_item(&vector_key(&tenant("acme"), &hash(0), &model(name)));
    let (replay, cache) = cache([
        answer(&json!({ "Items": [key("one")], "LastEvaluatedKey": key("one") })),
        answer(&json!({ "Items": [key("two")] })),
        left_over(&[json!({ "DeleteRequest": { "Key": key("two") } })]),
        left_over(&[]),
    ]);
    assert_eq!(cache.remove(&tenant("acme"), &[hash(0), hash(0)]).await.unwrap(), 2);
    let sent = requests(&replay);
    assert_eq!(sent[0].1["ConsistentRead"], true);
    assert_eq!(sent[0].1["KeyConditionExpression"], "pk = :pk");
    assert_eq!(sent[1].1["ExclusiveStartKey"], key("one"));
    let deletion = |name: &str| json!({ "DeleteRequest": { "Key": key(name) } });
    assert_eq!(writes(&sent[2].1), &[deletion("one"), deletion("two")]);
    assert_eq!(writes(&sent[3].1), &[deletion("two")]);
}
