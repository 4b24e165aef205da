//! The adapters of AWS over one connection, each made when a function asks for it, and what every use case is made of.

use std::sync::Arc;

use millrace_adapters_aws::connection::{AwsConnection, AwsSettings};
use millrace_adapters_aws::dynamodb::{
    DynamoDbEmbeddingCache, DynamoDbEventStore, DynamoDbJobLedger, DynamoDbReadModel, DynamoDbSettings,
    JournalTables, TableName,
};
use millrace_adapters_aws::eventbridge::EventBridgeEventBus;
use millrace_adapters_aws::s3::{S3BlobStore, S3UploadUrls};
use millrace_adapters_aws::s3vectors::{S3VectorsIndex, SearchTables};
use millrace_adapters_aws::sqs::{SqsDeadLetters, SqsJobQueue, SqsQueues};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_application::Documents;
use millrace_domain::{DocumentKey, TenantId};
use millrace_ports::{Clock, EventStore, IdGenerator};

/// AWS as one deployment sees it.
#[derive(Debug)]
pub struct Cloud {
    /// The clients.
    pub connection: AwsConnection,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

impl Cloud {
    /// Makes the connection; opens nothing yet.
    pub fn new(settings: &AwsSettings) -> Self {
        Self {
            connection: AwsConnection::new(settings),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIdGenerator),
        }
    }

    /// The histories.
    pub fn events(&self, tables: JournalTables) -> Arc<DynamoDbEventStore> {
        Arc::new(DynamoDbEventStore::new(self.connection.dynamodb(), tables))
    }

    /// The claims.
    pub fn ledger(&self, table: TableName) -> Arc<DynamoDbJobLedger> {
        Arc::new(DynamoDbJobLedger::new(self.connection.dynamodb(), table, self.clock.clone()))
    }

    /// The lists.
    pub fn views(&self, table: TableName) -> Arc<DynamoDbReadModel> {
        Arc::new(DynamoDbReadModel::new(self.connection.dynamodb(), table))
    }

    /// Collections and API keys.
    pub fn settings(&self, table: TableName) -> Arc<DynamoDbSettings> {
        Arc::new(DynamoDbSettings::new(self.connection.dynamodb(), table))
    }

    /// Vectors already paid for.
    pub fn vector_cache(&self, table: TableName) -> Arc<DynamoDbEmbeddingCache> {
        Arc::new(DynamoDbEmbeddingCache::new(self.connection.dynamodb(), table, self.clock.clone()))
    }

    /// The contents.
    pub fn blobs(&self, bucket: &str) -> Arc<S3BlobStore> {
        Arc::new(S3BlobStore::new(self.connection.s3(), bucket, self.clock.clone()))
    }

    /// Presigned uploads into the same bucket.
    pub fn upload_urls(&self, bucket: &str) -> Arc<S3UploadUrls> {
        Arc::new(S3UploadUrls::new(self.connection.s3(), bucket, self.clock.clone()))
    }

    /// The queues.
    pub fn queue(&self, urls: SqsQueues) -> Arc<SqsJobQueue> {
        Arc::new(SqsJobQueue::new(self.connection.sqs(), urls))
    }

    /// The dead-letter queues.
    pub fn dead_letters(&self, urls: SqsQueues) -> Arc<SqsDeadLetters> {
        Arc::new(SqsDeadLetters::new(self.connection.sqs(), urls))
    }

    /// The bus.
    pub fn bus(&self, name: &str) -> Arc<EventBridgeEventBus> {
        Arc::new(EventBridgeEventBus::new(self.connection.eventbridge(), name))
    }

    /// The search index, which asks `events` for what is published.
    pub fn index(&self, tables: SearchTables, events: Arc<dyn EventStore>) -> Arc<S3VectorsIndex> {
        let (vectors, dynamodb) = (self.connection.s3vectors(), self.connection.dynamodb());
        Arc::new(S3VectorsIndex::new(vectors, dynamodb, tables, events, self.clock.clone()))
    }

    /// The documents over their histories.
    pub fn documents(&self, events: Arc<dyn EventStore>) -> Documents {
        Documents::new(events, self.clock.clone(), self.ids.clone())
    }

    /// A document that does not exist, to ask for when a connection is to be opened.
    pub fn nothing(&self) -> DocumentKey {
        DocumentKey { tenant_id: TenantId::local_default(), document_id: self.ids.document_id() }
    }
}
