//! The search index on the DynamoDB of the emulator and on the stand-in for S3 Vectors: the port's suite, and what only
//! this index promises.

mod over_the_stores;
mod replayed;

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_types::region::Region;
use millrace_s3_vectors_stand_in::StandIn;
use millrace_test_support::SimClock;
use millrace_test_support::search_index_suite::SearchIndexFixture;

use super::{S3VectorsIndex, SearchTables};
use crate::connection::emulated::connection;
use crate::connection::{AwsConnection, AwsSettings};
use crate::dynamodb::emulated_tables::{new_journal, new_table};
use crate::dynamodb::schema;
use crate::dynamodb::{DynamoDbEventStore, TableName};

const BUCKET: &str = "vectors";

/// A stand-in of one's own, and a client to it.
async fn stand_in() -> (aws_sdk_s3vectors::Client, StandIn) {
    let stand_in = StandIn::start(&[BUCKET]).await.unwrap();
    let settings = AwsSettings {
        region: Region::from_static("us-east-1"),
        endpoint_url: Some(stand_in.endpoint().to_owned()),
        service_endpoint_urls: Default::default(),
        credentials: Credentials::from_keys("test", "test", None),
    };
    (AwsConnection::new(&settings).s3vectors(), stand_in)
}

/// An index and everything beneath it.
struct World {
    index: S3VectorsIndex,
    events: Arc<DynamoDbEventStore>,
    vectors: aws_sdk_s3vectors::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    words: TableName,
    stand_in: StandIn,
}

impl World {
    async fn new() -> Self {
        let (vectors, stand_in) = stand_in().await;
        let dynamodb = connection().dynamodb();
        let words = new_table(&dynamodb, &schema::words::TABLE).await;
        let events = Arc::new(DynamoDbEventStore::new(dynamodb.clone(), new_journal(&dynamodb).await));
        let index = S3VectorsIndex::new(
            vectors.clone(),
            dynamodb.clone(),
            SearchTables { vector_bucket: BUCKET.into(), words: words.clone() },
            Arc::clone(&events) as _,
            Arc::new(SimClock::default()),
        );
        Self { index, events, vectors, dynamodb, words, stand_in }
    }
}

async fn fixture() -> SearchIndexFixture {
    let World { index, events, stand_in, .. } = World::new().await;
    SearchIndexFixture { index: Arc::new(index), events, keep: Box::new(stand_in) }
}

mod suite {
    millrace_test_support::search_index_suite!(super::fixture);
}
mod space_suite {
    millrace_test_support::index_space_suite!(super::fixture);
}
