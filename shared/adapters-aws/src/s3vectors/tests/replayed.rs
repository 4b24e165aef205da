//! The calls on vectors, replayed: exactly what is asked, and what each failure becomes.

use std::collections::BTreeSet;

use millrace_domain::{ChunkIndex, DocumentId, Generation};
use millrace_ports::{Embedding, ErrorKind, SearchFilter};
use serde_json::{Map, Value, json};

use super::BUCKET;
use crate::connection::replay::{Replay, Reply};
use crate::s3vectors::vector_key::VectorKey;
use crate::s3vectors::vector_metadata::service_filter;
use crate::s3vectors::vector_store::{NewVector, VectorStore};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn store(replay: &Replay) -> VectorStore {
    VectorStore::new(replay.connection().s3vectors(), BUCKET.into())
}

fn key(chunk: u32) -> VectorKey {
    let document_id: DocumentId = ID.parse().unwrap();
    VectorKey { document_id, generation: Generation::FIRST, chunk: ChunkIndex::new(chunk) }
}

fn vector(chunk: u32) -> NewVector {
    let Value::Object(metadata) = json!({ "document": ID, "page": 7 }) else { unreachable!() };
    NewVector { key: key(chunk), values: Embedding(vec![0.5, -0.25]), metadata, metadata_bytes: 60 }
}

fn failure(status: u16, exception: &str) -> Reply {
    Reply::of(status, r#"{"message":"no"}"#).with_header("x-amzn-errortype", exception)
}

fn missing() -> Reply {
    failure(404, "NotFoundException")
}

async fn put(replies: Vec<Reply>) -> (Replay, Result<(), ErrorKind>) {
    let replay = Replay::of(replies);
    let result = store(&replay).put("acme.papers", vec![vector(0), vector(1)]).await;
    replay.assert_used_up();
    (replay, result.map_err(|error| error.kind))
}

#[tokio::test]
async fn the_first_vectors_create_their_index_and_a_race_for_it_is_success() {
    for created in [Reply::ok(r#"{"indexArn":"arn"}"#), failure(409, "ConflictException")] {
        let (replay, result) = put(vec![missing(), created, Reply::ok("{}")]).await;
        assert_eq!(result, Ok(()));
        let sent = replay.sent();
        let targets: Vec<_> = sent.iter().map(|request| request.target.as_str()).collect();
        assert_eq!(targets, ["/PutVectors", "/CreateIndex", "/PutVectors"]);
        let create = json!({
            "vectorBucketName": "vectors",
            "indexName": "acme.papers",
            "dataType": "float32",
            "dimension": 2,
            "distanceMetric": "cosine",
            "metadataConfiguration": { "nonFilterableMetadataKeys":
                ["text", "page", "heading", "start", "end", "filename", "pairs"] },
        });
        assert_eq!(sent[1].json(), create);
        let data = json!({ "float32": [0.5, -0.25] });
        let vector = |chunk: u32| {
            json!({
                "key": format!("{ID}:1:{chunk}"), "data": data, "metadata": { "document": ID, "page": 7 },
            })
        };
        let put = json!({
            "vectorBucketName": "vectors", "indexName": "acme.papers", "vectors": [vector(0), vector(1)],
        });
        assert_eq!(sent[2].json(), put);
        assert_eq!(sent[0].json(), put);
    }
}

#[tokio::test]
async fn an_index_that_is_not_seen_at_once_is_waited_for() {
    let created = || Reply::ok(r#"{"indexArn":"arn"}"#);
    let (_, result) = put(vec![missing(), created(), missing(), Reply::ok("{}")]).await;
    assert_eq!(result, Ok(()));
    let (_, result) = put(vec![missing(), created(), missing(), missing(), missing(), missing()]).await;
    assert_eq!(result, Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn a_missing_bucket_waits_for_the_operator() {
    assert_eq!(put(vec![missing(), missing()]).await.1, Err(ErrorKind::Unavailable));
    let full = failure(402, "ServiceQuotaExceededException");
    assert_eq!(put(vec![missing(), full]).await.1, Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn throttling_is_told_apart_and_says_how_long_to_wait() {
    let throttled = || failure(429, "TooManyRequestsException").with_header("retry-after", "3");
    let replay = Replay::of([throttled(), throttled(), throttled()]);
    let error = store(&replay).put("acme.papers", vec![vector(0)]).await.unwrap_err();
    replay.assert_used_up();
    assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Throttled, Some(3_000)));
    let (_, result) = put(vec![failure(429, "TooManyRequestsException"), Reply::ok("{}")]).await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn what_breaks_a_rule_is_invalid_and_what_breaks_down_is_unavailable() {
    assert_eq!(put(vec![failure(400, "ValidationException")]).await.1, Err(ErrorKind::Invalid));
    assert_eq!(put(vec![failure(403, "AccessDeniedException")]).await.1, Err(ErrorKind::Unavailable));
    assert_eq!(put(vec![failure(400, "KmsDisabledException")]).await.1, Err(ErrorKind::Unavailable));
    for reply in [|| failure(503, "ServiceUnavailableException"), || Reply::Reset] {
        assert_eq!(put(vec![reply(), reply(), reply()]).await.1, Err(ErrorKind::Unavailable));
    }
}

#[tokio::test]
async fn a_query_asks_for_the_nearest_and_reads_every_page() {
    let found =
        |chunk: u32| json!({ "key": format!("{ID}:1:{chunk}"), "distance": 0.25, "metadata": { "page": 7 } });
    let page = |vectors: Value, next: Option<&str>| {
        let mut answer = json!({ "vectors": vectors, "distanceMetric": "cosine" });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Reply::ok(answer.to_string())
    };
    let replay = Replay::of([
        page(json!([found(3)]), Some("more")),
        page(json!([]), Some("more yet")),
        page(json!([found(4)]), None),
    ]);
    let filter = SearchFilter { documents: vec![ID.parse().unwrap()], metadata: Map::new() };
    let without = BTreeSet::from(["x:1".to_owned()]);
    let (store, question) = (store(&replay), Embedding(vec![1.0, 0.0]));
    let nearest = store.nearest("acme.papers", &question, service_filter(&filter, &without)).await.unwrap();
    replay.assert_used_up();
    assert_eq!(
        nearest.iter().map(|vector| vector.key.as_str()).collect::<Vec<_>>(),
        [format!("{ID}:1:3"), format!("{ID}:1:4")]
    );
    assert_eq!(nearest[0].distance, Some(0.25));
    let mut query = json!({
        "vectorBucketName": "vectors",
        "indexName": "acme.papers",
        "topK": 100,
        "queryVector": { "float32": [1.0, 0.0] },
        "filter": { "$and": [{ "document": { "$in": [ID] } }, { "entry": { "$nin": ["x:1"] } }] },
        "returnDistance": true,
        "returnMetadata": true,
    });
    assert_eq!(replay.sent()[0].json(), query);
    query["nextToken"] = "more".into();
    assert_eq!(replay.sent()[1].json(), query);
    assert_eq!(replay.sent()[2].json()["nextToken"], "more yet");
}

#[tokio::test]
async fn an_index_that_does_not_exist_is_empty() {
    let replay = Replay::of([missing(), missing(), missing()]);
    let store = store(&replay);
    assert!(store.nearest("acme.papers", &Embedding(vec![1.0]), None).await.unwrap().is_empty());
    assert_eq!(store.count("acme.papers", &[key(0)]).await.unwrap(), 0);
    store.delete("acme.papers", &[key(0)]).await.unwrap();
    replay.assert_used_up();
}

#[tokio::test]
async fn readings_and_deletions_are_cut_into_what_one_call_takes() {
    let keys: Vec<_> = (0..1_001).map(key).collect();
    let one = || Reply::ok(json!({ "vectors": [{ "key": format!("{ID}:1:7") }] }).to_string());
    let replay = Replay::of((0..11).map(|_| one()));
    assert_eq!(store(&replay).count("acme.papers", &keys).await.unwrap(), 11);
    replay.assert_used_up();
    let counts = |replay: &Replay| {
        let count = |request: Value| request["keys"].as_array().unwrap().len();
        replay.sent().iter().map(|request| count(request.json())).collect::<Vec<_>>()
    };
    assert_eq!(counts(&replay), [vec![100; 10], vec![1]].concat());
    assert_eq!(replay.sent()[0].json()["returnData"], false);
    let replay = Replay::of((0..3).map(|_| Reply::ok("{}")));
    store(&replay).delete("acme.papers", &keys).await.unwrap();
    assert_eq!(counts(&replay), [500, 500, 1]);
}

#[tokio::test]
async fn a_deletion_that_is_throttled_half_way_is_not_done() {
    let keys: Vec<_> = (0..501).map(key).collect();
    let throttled = || failure(429, "TooManyRequestsException");
    let replay = Replay::of([throttled(), throttled(), throttled(), throttled(), throttled(), throttled()]);
    let error = store(&replay).delete("acme.papers", &keys).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled);
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_corrupt() {
    let replay = Replay::of([Reply::ok(r#"{"vectors":[{"key":"somebody else's"}]}"#)]);
    let error = store(&replay).count("acme.papers", &[key(0)]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
}
