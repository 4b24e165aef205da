//! What each operation answers, and which limits it keeps.

use super::*;

const BUCKET: &str = "vectors";

fn request(index: &str, fields: Value) -> Value {
    let mut request = json!({ "vectorBucketName": BUCKET, "indexName": index });
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

fn call(store: &mut Store, operation: &str, fields: Value) -> Answer {
    run(store, operation, request("papers", fields).to_string().as_bytes())
}

fn new_index() -> Value {
    let metadata = json!({ "nonFilterableMetadataKeys": ["text"] });
    json!({ "dataType": "float32", "dimension": 2, "distanceMetric": "cosine", "metadataConfiguration": metadata })
}

fn store() -> Store {
    let mut store = Store::default();
    run(&mut store, "CreateVectorBucket", br#"{"vectorBucketName":"vectors"}"#).unwrap();
    call(&mut store, "CreateIndex", new_index()).unwrap();
    store
}

fn vector(key: &str, values: [f32; 2], year: u32) -> Value {
    json!({ "key": key, "data": { "float32": values }, "metadata": { "year": year, "text": "a text" } })
}

fn keys(answer: &Value) -> Vec<&str> {
    answer["vectors"].as_array().unwrap().iter().map(|vector| vector["key"].as_str().unwrap()).collect()
}

#[test]
fn a_query_gives_the_nearest_first() {
    let mut store = store();
    let vectors = [vector("a", [1.0, 0.0], 1), vector("b", [0.6, 0.8], 2), vector("c", [-1.0, 0.0], 3)];
    call(&mut store, "PutVectors", json!({ "vectors": vectors })).unwrap();
    let query = json!({ "topK": 2, "queryVector": { "float32": [2.0, 0.0] }, "returnDistance": true });
    let answer = call(&mut store, "QueryVectors", query).unwrap();
    assert_eq!(keys(&answer), ["a", "b"]);
    assert!((answer["vectors"][1]["distance"].as_f64().unwrap() - 0.4).abs() < 1e-6);
    let filter = json!({ "year": { "$gte": 2 } });
    let query = json!({ "topK": 9, "queryVector": { "float32": [2.0, 0.0] }, "filter": filter, "returnMetadata": true });
    let answer = call(&mut store, "QueryVectors", query).unwrap();
    assert_eq!(keys(&answer), ["b", "c"]);
    assert_eq!(answer["vectors"][0]["metadata"]["text"], "a text");
    assert!(answer["vectors"][0].get("distance").is_none());
}

#[test]
fn a_put_replaces_and_a_deletion_repeats() {
    let mut store = store();
    for year in [1, 2] {
        call(&mut store, "PutVectors", json!({ "vectors": [vector("a", [1.0, 0.0], year)] })).unwrap();
    }
    let get = || json!({ "keys": ["a", "b"], "returnMetadata": true, "returnData": true });
    let answer = call(&mut store, "GetVectors", get()).unwrap();
    assert_eq!(keys(&answer), ["a"]);
    assert_eq!(answer["vectors"][0]["metadata"]["year"], 2);
    assert_eq!(answer["vectors"][0]["data"]["float32"], json!([1.0, 0.0]));
    for _ in 0..2 {
        call(&mut store, "DeleteVectors", json!({ "keys": ["a"] })).unwrap();
    }
    assert!(keys(&call(&mut store, "GetVectors", get()).unwrap()).is_empty());
}

#[test]
fn a_listing_comes_in_pages() {
    let mut store = store();
    let vectors: Vec<_> = (0..7).map(|n| vector(&format!("k{n}"), [1.0, 0.0], n)).collect();
    call(&mut store, "PutVectors", json!({ "vectors": vectors })).unwrap();
    let (mut found, mut token, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let answer = call(&mut store, "ListVectors", json!({ "maxResults": 3, "nextToken": token })).unwrap();
        found.extend(keys(&answer).into_iter().map(str::to_owned));
        pages += 1;
        match answer.get("nextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!((found.len(), pages), (7, 3));
    assert!(found.is_sorted());
    assert!(call(&mut store, "ListVectors", json!({ "maxResults": 1_001 })).is_err());
}

#[test]
fn an_index_is_created_once_and_must_exist() {
    let mut store = store();
    let conflict = Failure::conflict("An index with the specified name already exists");
    assert_eq!(call(&mut store, "CreateIndex", new_index()).unwrap_err(), conflict);
    let elsewhere = request("other", json!({ "keys": ["a"] })).to_string();
    let missing = Failure::not_found("The specified index could not be found");
    assert_eq!(run(&mut store, "GetVectors", elsewhere.as_bytes()).unwrap_err(), missing);
    call(&mut store, "DeleteIndex", json!({})).unwrap();
    assert!(call(&mut store, "GetIndex", json!({})).is_err());
}

#[test]
fn limits_are_kept() {
    let mut store = store();
    let many = |count: u32| (0..count).map(|n| vector(&n.to_string(), [1.0, 0.0], n)).collect::<Vec<_>>();
    assert!(call(&mut store, "PutVectors", json!({ "vectors": many(500) })).is_ok());
    let names: Vec<_> = (0..501).map(|n| n.to_string()).collect();
    for (operation, fields) in [
        ("PutVectors", json!({ "vectors": many(501) })),
        ("PutVectors", json!({ "vectors": [] })),
        ("PutVectors", json!({ "vectors": [{ "key": "a", "data": { "float32": [1.0] } }] })),
        ("PutVectors", json!({ "vectors": [vector("a", [0.0, 0.0], 1)] })),
        ("PutVectors", json!({ "vectors": [vector(&"a".repeat(1_025), [1.0, 0.0], 1)] })),
        ("DeleteVectors", json!({ "keys": names })),
        ("GetVectors", json!({ "keys": names[..101] })),
        ("QueryVectors", json!({ "topK": 101, "queryVector": { "float32": [1.0, 0.0] } })),
        (
            "QueryVectors",
            json!({ "topK": 1, "queryVector": { "float32": [1.0, 0.0] }, "filter": { "text": "a" } }),
        ),
        ("QueryVectors", json!({ "topK": 1, "queryVector": { "float32": [1.0] } })),
    ] {
        assert!(call(&mut store, operation, fields.clone()).is_err(), "{operation} took {fields}");
    }
}
