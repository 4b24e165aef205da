//! The operations: what each takes, checks and answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::store::{DistanceMetric, Index, Store, StoredVector};
use crate::{filter, metadata, names};

const PUT_MAX: usize = 500;
const DELETE_MAX: usize = 500;
const GET_MAX: usize = 100;
const TOP_K_MAX: usize = 100;
const LIST_MAX: usize = 1_000;
const LIST_DEFAULT: usize = 500;
const KEY_CHARACTERS_MAX: usize = 1_024;
const DIMENSION_MAX: usize = 4_096;
const NOT_FILTERABLE_MAX: usize = 10;

type Answer = Result<Value, Failure>;

/// Runs the operation of that name.
pub(crate) fn run(store: &mut Store, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "CreateVectorBucket" => create_bucket(store, &read::<BucketName>(body)?),
        "CreateIndex" => create_index(store, read(body)?),
        "GetIndex" => get_index(store, &read(body)?),
        "DeleteIndex" => delete_index(store, &read(body)?),
        "PutVectors" => put_vectors(store, read(body)?),
        "GetVectors" => get_vectors(store, &read(body)?),
        "ListVectors" => list_vectors(store, &read(body)?),
        "DeleteVectors" => delete_vectors(store, &read(body)?),
        "QueryVectors" => query_vectors(store, &read(body)?),
        _ => Err(Failure::validation(format!("{operation} is not known here"))),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::validation(format!("malformed request: {error}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BucketName {
    vector_bucket_name: String,
}

fn create_bucket(store: &mut Store, request: &BucketName) -> Answer {
    names::check_bucket(&request.vector_bucket_name)?;
    if store.buckets.contains_key(&request.vector_bucket_name) {
        return Err(Failure::conflict("A vector bucket with the specified name already exists"));
    }
    store.buckets.insert(request.vector_bucket_name.clone(), BTreeMap::new());
    Ok(json!({ "vectorBucketArn": format!("arn:aws:s3vectors:::bucket/{}", request.vector_bucket_name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateIndex {
    vector_bucket_name: String,
    index_name: String,
    data_type: String,
    dimension: usize,
    distance_metric: DistanceMetric,
    #[serde(default)]
    metadata_configuration: MetadataConfiguration,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MetadataConfiguration {
    non_filterable_metadata_keys: Vec<String>,
}

fn create_index(store: &mut Store, request: CreateIndex) -> Answer {
    names::check_index(&request.index_name)?;
    let keys = request.metadata_configuration.non_filterable_metadata_keys;
    let keys_fit = keys.len() <= NOT_FILTERABLE_MAX && keys.iter().all(|key| (1..=63).contains(&key.len()));
    if request.data_type != "float32" || !(1..=DIMENSION_MAX).contains(&request.dimension) || !keys_fit {
        return Err(Failure::validation("Invalid data type, dimension or metadata configuration"));
    }
    let bucket = store.bucket(&request.vector_bucket_name)?;
    if bucket.contains_key(&request.index_name) {
        return Err(Failure::conflict("An index with the specified name already exists"));
    }
    let arn =
        format!("arn:aws:s3vectors:::bucket/{}/index/{}", request.vector_bucket_name, request.index_name);
    let index = Index {
        dimension: request.dimension,
        metric: request.distance_metric,
        not_filterable: keys.into_iter().collect(),
        vectors: BTreeMap::new(),
    };
    bucket.insert(request.index_name, index);
    Ok(json!({ "indexArn": arn }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IndexName {
    vector_bucket_name: String,
    index_name: String,
}

fn get_index(store: &mut Store, request: &IndexName) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    Ok(json!({ "index": {
        "vectorBucketName": request.vector_bucket_name,
        "indexName": request.index_name,
        "indexArn": format!("arn:aws:s3vectors:::bucket/{}/index/{}", request.vector_bucket_name, request.index_name),
        "creationTime": 0,
        "dataType": "float32",
        "dimension": index.dimension,
        "distanceMetric": index.metric,
        "metadataConfiguration": { "nonFilterableMetadataKeys": index.not_filterable },
    } }))
}

fn delete_index(store: &mut Store, request: &IndexName) -> Answer {
    store.bucket(&request.vector_bucket_name)?.remove(&request.index_name);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutVectors {
    vector_bucket_name: String,
    index_name: String,
    vectors: Vec<PutVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutVector {
    key: String,
    data: VectorData,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorData {
    float32: Vec<f32>,
}

fn put_vectors(store: &mut Store, request: PutVectors) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    within("vectors", request.vectors.len(), PUT_MAX)?;
    for vector in &request.vectors {
        within("characters of a key", vector.key.chars().count(), KEY_CHARACTERS_MAX)?;
        check_values(index, &vector.data.float32)?;
        let metadata = vector.metadata.clone().unwrap_or_default();
        metadata::check(&vector.key, &metadata, &index.not_filterable)?;
    }
    for PutVector { key, data, metadata } in request.vectors {
        let metadata = metadata.unwrap_or_default();
        index.vectors.insert(key, StoredVector { values: data.float32, metadata });
    }
    Ok(json!({}))
}

fn check_values(index: &Index, values: &[f32]) -> Result<(), Failure> {
    if values.len() != index.dimension {
        let what = format!("vector must have length {}, but has length {}", index.dimension, values.len());
        return Err(Failure::validation(what));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Failure::validation("vector holds a value that is no number"));
    }
    if index.metric == DistanceMetric::Cosine && values.iter().all(|value| *value == 0.0) {
        return Err(Failure::validation("cosine distance needs a vector that is not zero"));
    }
    Ok(())
}

fn within(what: &str, count: usize, most: usize) -> Result<(), Failure> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(Failure::validation(format!("1 to {most} {what} are allowed, not {count}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetVectors {
    vector_bucket_name: String,
    index_name: String,
    keys: Vec<String>,
    #[serde(default)]
    return_data: bool,
    #[serde(default)]
    return_metadata: bool,
}

fn get_vectors(store: &mut Store, request: &GetVectors) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    within("keys", request.keys.len(), GET_MAX)?;
    let shown = |key: &String| {
        let vector = index.vectors.get(key)?;
        Some(show(key, vector, request.return_data, request.return_metadata))
    };
    Ok(json!({ "vectors": request.keys.iter().filter_map(shown).collect::<Vec<_>>() }))
}

fn show(key: &str, vector: &StoredVector, data: bool, metadata: bool) -> Value {
    let mut shown = json!({ "key": key });
    if data {
        shown["data"] = json!({ "float32": vector.values });
    }
    if metadata {
        shown["metadata"] = Value::Object(vector.metadata.clone());
    }
    shown
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListVectors {
    vector_bucket_name: String,
    index_name: String,
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    return_data: bool,
    #[serde(default)]
    return_metadata: bool,
}

fn list_vectors(store: &mut Store, request: &ListVectors) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    let most = request.max_results.unwrap_or(LIST_DEFAULT);
    within("results", most, LIST_MAX)?;
    let after = request.next_token.as_deref().map(read_token).transpose()?;
    let rest = index.vectors.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
    let page: Vec<_> = rest.take(most + 1).collect();
    let shown = |(key, vector): &(&String, &StoredVector)| {
        show(key, vector, request.return_data, request.return_metadata)
    };
    let mut answer = json!({ "vectors": page.iter().take(most).map(shown).collect::<Vec<_>>() });
    if page.len() > most {
        answer["nextToken"] = URL_SAFE_NO_PAD.encode(page[most - 1].0).into();
    }
    Ok(answer)
}

fn read_token(token: &str) -> Result<String, Failure> {
    let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Failure::validation("Invalid nextToken"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeleteVectors {
    vector_bucket_name: String,
    index_name: String,
    keys: Vec<String>,
}

fn delete_vectors(store: &mut Store, request: &DeleteVectors) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    within("keys", request.keys.len(), DELETE_MAX)?;
    for key in &request.keys {
        index.vectors.remove(key);
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QueryVectors {
    vector_bucket_name: String,
    index_name: String,
    top_k: usize,
    query_vector: VectorData,
    filter: Option<Value>,
    #[serde(default)]
    return_metadata: bool,
    #[serde(default)]
    return_distance: bool,
}

fn query_vectors(store: &mut Store, request: &QueryVectors) -> Answer {
    let index = store.index(&request.vector_bucket_name, &request.index_name)?;
    within("results", request.top_k, TOP_K_MAX)?;
    let question = &request.query_vector.float32;
    check_values(index, question)?;
    if let Some(filter) = &request.filter {
        filter::check(filter, &index.not_filterable)?;
    }
    let passing = index.vectors.iter().filter(|(_, vector)| {
        request.filter.as_ref().is_none_or(|filter| filter::passes(filter, &vector.metadata))
    });
    let mut ranked: Vec<_> =
        passing.map(|(key, vector)| (index.metric.distance(question, &vector.values), key, vector)).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    let shown = |(distance, key, vector): &(f32, &String, &StoredVector)| {
        let mut shown = show(key, vector, false, request.return_metadata);
        if request.return_distance {
            shown["distance"] = json!(distance);
        }
        shown
    };
    let vectors: Vec<_> = ranked.iter().take(request.top_k).map(shown).collect();
    Ok(json!({ "vectors": vectors, "distanceMetric": index.metric }))
}

#[cfg(test)]
mod tests;
