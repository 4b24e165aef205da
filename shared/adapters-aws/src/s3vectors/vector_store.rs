//! The calls on vectors: cut into what one request takes, indexes created when the first vector comes. Keys, metadata and
//! filters are made elsewhere; nothing here knows what is published.

use std::time::Duration;

use aws_sdk_s3vectors::Client;
use aws_sdk_s3vectors::types::{
    DataType, DistanceMetric, MetadataConfiguration, PutInputVector, QueryOutputVector, VectorData,
};
use aws_smithy_types::Document;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_ports::{Embedding, ErrorKind, PortError};
use serde_json::{Map, Value};

use super::failure::s3vectors_error;
use super::vector_key::VectorKey;
use super::vector_metadata::{NOT_FILTERABLE, to_sdk};

/// Vectors of one put, and keys of one deletion.
const WRITTEN_MAX: usize = 500;
/// Bytes of one put, estimated from above; the service takes 20 MiB.
const PUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a number in JSON, at most: sign, point, nine digits, exponent, comma.
const NUMBER_BYTES: usize = 17;
/// Keys of one reading.
const READ_MAX: usize = 100;
/// Results of one query.
pub(crate) const NEAREST_MAX: usize = 100;
/// Pages of one query's answer. The service may cut an answer; beyond it the rest is left out.
const PAGES_MAX: usize = 10;
/// Readings and deletions at once; the service allows some hundred requests a second for an index.
const CALLS_AT_ONCE: usize = 4;
/// How often a put is tried while the index that was just created is not seen yet.
const PUTS_MAX: u32 = 5;
/// The pause before the second of them; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A vector to store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewVector {
    pub(crate) key: VectorKey,
    pub(crate) values: Embedding,
    pub(crate) metadata: Map<String, Value>,
    /// Bytes of the metadata, estimated from above.
    pub(crate) metadata_bytes: usize,
}

/// The vectors of all indexes of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct VectorStore {
    client: Client,
    bucket: String,
}

impl VectorStore {
    pub(crate) fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Stores vectors; those with the same key are replaced. The first ones of an index create it.
    pub(crate) async fn put(&self, index: &str, vectors: Vec<NewVector>) -> Result<(), PortError> {
        for batch in batches(vectors) {
            self.put_batch(index, &batch).await?;
        }
        Ok(())
    }

    async fn put_batch(&self, index: &str, batch: &[NewVector]) -> Result<(), PortError> {
        let attempted = format!("store {} vectors in index {index}", batch.len());
        let Some(dimension) = batch.first().map(|vector| vector.values.0.len()) else { return Ok(()) };
        let vectors: Result<Vec<_>, PortError> =
            batch.iter().map(|vector| to_input(vector, &attempted)).collect();
        let vectors = vectors?;
        for attempt in 0..PUTS_MAX {
            if attempt > 1 {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 2)).await;
            }
            let put = self.client.put_vectors().vector_bucket_name(&self.bucket).index_name(index);
            match put.set_vectors(Some(vectors.clone())).send().await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let error = s3vectors_error(error, &attempted);
                    if error.kind != ErrorKind::NotFound {
                        return Err(error);
                    }
                }
            }
            if attempt == 0 {
                self.create(index, dimension).await?;
            }
        }
        Err(PortError::new(ErrorKind::Unavailable, attempted))
    }

    /// Creates an index. That somebody else was faster is success.
    async fn create(&self, index: &str, dimension: usize) -> Result<(), PortError> {
        let attempted = format!("create index {index}");
        let invalid = |error| PortError::caused(ErrorKind::Invalid, &attempted, error);
        let keys = NOT_FILTERABLE.map(str::to_owned).to_vec();
        let metadata = MetadataConfiguration::builder().set_non_filterable_metadata_keys(Some(keys)).build();
        let created = self
            .client
            .create_index()
            .vector_bucket_name(&self.bucket)
            .index_name(index)
            .data_type(DataType::Float32)
            .dimension(i32::try_from(dimension).unwrap_or(i32::MAX))
            .distance_metric(DistanceMetric::Cosine)
            .metadata_configuration(metadata.map_err(invalid)?)
            .send()
            .await;
        match created.map_err(|error| s3vectors_error(error, &attempted)) {
            Ok(_) => {
                tracing::info!(index, dimension, "vector index created");
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::Conflict => Ok(()),
            // The bucket is missing; an operator can mend that, and no document is to blame.
            Err(error) if error.kind == ErrorKind::NotFound => {
                Err(PortError::caused(ErrorKind::Unavailable, attempted, error))
            }
            Err(error) => Err(error),
        }
    }

    /// The nearest vectors that pass the filter, with distance and metadata; none if there is no such index.
    pub(crate) async fn nearest(
        &self,
        index: &str,
        question: &Embedding,
        filter: Option<Document>,
    ) -> Result<Vec<QueryOutputVector>, PortError> {
        let attempted = format!("query index {index}");
        let query = self
            .client
            .query_vectors()
            .vector_bucket_name(&self.bucket)
            .index_name(index)
            .top_k(NEAREST_MAX as i32)
            .query_vector(VectorData::Float32(question.0.clone()))
            .set_filter(filter)
            .return_distance(true)
            .return_metadata(true);
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let answer = match query.clone().set_next_token(next).send().await {
                Ok(answer) => answer,
                Err(error) => match s3vectors_error(error, &attempted) {
                    error if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
                    error => return Err(error),
                },
            };
            found.extend(answer.vectors);
            next = answer.next_token;
            if next.is_none() || found.len() >= NEAREST_MAX {
                break;
            }
        }
        Ok(found)
    }

    /// The values of those vectors that exist, in any order.
    pub(crate) async fn values(
        &self,
        index: &str,
        keys: &[VectorKey],
    ) -> Result<Vec<(VectorKey, Embedding)>, PortError> {
        let calls = cut(keys, READ_MAX).into_iter().map(|keys| self.read(index, keys, true));
        stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).try_concat().await
    }

    /// How many of these vectors exist.
    pub(crate) async fn count(&self, index: &str, keys: &[VectorKey]) -> Result<u64, PortError> {
        let calls = cut(keys, READ_MAX).into_iter().map(|keys| self.read(index, keys, false));
        let counts = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE);
        counts.try_fold(0, |sum, found| async move { Ok(sum + found.len() as u64) }).await
    }

    async fn read(
        &self,
        index: &str,
        keys: Vec<VectorKey>,
        with_values: bool,
    ) -> Result<Vec<(VectorKey, Embedding)>, PortError> {
        let attempted = format!("read {} vectors of index {index}", keys.len());
        let call = self.client.get_vectors().vector_bucket_name(&self.bucket).index_name(index);
        let keys = keys.iter().map(ToString::to_string).collect();
        let answer = match call.set_keys(Some(keys)).return_data(with_values).send().await {
            Ok(answer) => answer,
            Err(error) => match s3vectors_error(error, &attempted) {
                error if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
                error => return Err(error),
            },
        };
        let read = |key: &str, data: Option<VectorData>| {
            let key =
                key.parse().map_err(|error| PortError::caused(ErrorKind::Corrupt, &attempted, error))?;
            match data {
                Some(VectorData::Float32(values)) => Ok((key, Embedding(values))),
                _ => Ok((key, Embedding(Vec::new()))),
            }
        };
        answer.vectors.into_iter().map(|vector| read(&vector.key, vector.data)).collect()
    }

    /// Removes vectors; those that do not exist are no error.
    pub(crate) async fn delete(&self, index: &str, keys: &[VectorKey]) -> Result<(), PortError> {
        let calls = cut(keys, WRITTEN_MAX).into_iter().map(|keys| self.delete_batch(index, keys));
        stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).try_collect().await
    }

    async fn delete_batch(&self, index: &str, keys: Vec<VectorKey>) -> Result<(), PortError> {
        let attempted = format!("delete {} vectors of index {index}", keys.len());
        let call = self.client.delete_vectors().vector_bucket_name(&self.bucket).index_name(index);
        let keys = keys.iter().map(ToString::to_string).collect();
        match call.set_keys(Some(keys)).send().await.map_err(|error| s3vectors_error(error, attempted)) {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn to_input(vector: &NewVector, attempted: &str) -> Result<PutInputVector, PortError> {
    let input = PutInputVector::builder()
        .key(vector.key.to_string())
        .data(VectorData::Float32(vector.values.0.clone()))
        .metadata(to_sdk(vector.metadata.clone()));
    input.build().map_err(|error| PortError::caused(ErrorKind::Invalid, attempted, error))
}

/// Cuts keys into what one call takes.
fn cut(keys: &[VectorKey], most: usize) -> Vec<Vec<VectorKey>> {
    keys.chunks(most).map(<[VectorKey]>::to_vec).collect()
}

/// Cuts vectors into what one put takes.
fn batches(vectors: Vec<NewVector>) -> Vec<Vec<NewVector>> {
    let (mut batches, mut bytes) = (Vec::<Vec<NewVector>>::new(), 0);
    for vector in vectors {
        let size = vector.values.0.len() * NUMBER_BYTES + vector.metadata_bytes + 256;
        match batches.last_mut() {
            Some(batch) if batch.len() < WRITTEN_MAX && bytes + size <= PUT_BYTES_MAX => {
                batch.push(vector);
                bytes += size;
            }
            _ => {
                batches.push(vec![vector]);
                bytes = size;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use millrace_domain::{ChunkIndex, DocumentId, Generation};
    use uuid::Uuid;

    use super::*;

    fn vector(chunk: u32, dimensions: usize, metadata_bytes: usize) -> NewVector {
        let key = VectorKey {
            document_id: DocumentId::new(Uuid::nil()),
            generation: Generation::FIRST,
            chunk: ChunkIndex::new(chunk),
        };
        NewVector { key, values: Embedding(vec![0.1; dimensions]), metadata: Map::new(), metadata_bytes }
    }

    #[test]
    fn a_put_is_bounded_in_vectors_and_in_bytes() {
        let lengths = |vectors: Vec<NewVector>| batches(vectors).iter().map(Vec::len).collect::<Vec<_>>();
        assert!(lengths(Vec::new()).is_empty());
        assert_eq!(lengths((0..1_001).map(|n| vector(n, 8, 1_000)).collect()), [500, 500, 1]);
        let large = lengths((0..500).map(|n| vector(n, 1_024, 39_000)).collect());
        assert!(large.len() > 1 && large.iter().sum::<usize>() == 500, "{large:?}");
        let bytes = large.iter().max().unwrap() * (1_024 * NUMBER_BYTES + 39_000);
        assert!(bytes <= PUT_BYTES_MAX);
    }
}
