//! Every suite of the ports that are kept in DynamoDB, on the emulator, and what only it promises there.

use std::sync::Arc;

use millrace_test_support::SimClock;
use millrace_test_support::api_key_store_suite::ApiKeyStoreFixture;
use millrace_test_support::collection_store_suite::CollectionStoreFixture;
use millrace_test_support::embedding_cache_suite::EmbeddingCacheFixture;
use millrace_test_support::event_store_suite::EventStoreFixture;
use millrace_test_support::job_ledger_suite::JobLedgerFixture;
use millrace_test_support::read_model_suite::ReadModelFixture;

use super::emulated_tables::{new_journal, new_table};
use super::schema;
use super::{
    DynamoDbEmbeddingCache, DynamoDbEventStore, DynamoDbJobLedger, DynamoDbReadModel, DynamoDbSettings,
};
use crate::connection::emulated::connection;

async fn event_store() -> EventStoreFixture {
    let (client, clock) = (connection().dynamodb(), Arc::new(SimClock::default()));
    let tables = new_journal(&client).await;
    let ledger = DynamoDbJobLedger::new(client.clone(), tables.ledger.clone(), Arc::clone(&clock) as _);
    EventStoreFixture {
        store: Arc::new(DynamoDbEventStore::new(client, tables)),
        ledger: Arc::new(ledger),
        clock,
        keep: Box::new(()),
    }
}

async fn job_ledger() -> JobLedgerFixture {
    let (client, clock) = (connection().dynamodb(), Arc::new(SimClock::default()));
    let table = new_table(&client, &schema::ledger::TABLE).await;
    let ledger = Arc::new(DynamoDbJobLedger::new(client, table, Arc::clone(&clock) as _));
    JobLedgerFixture { ledger, clock, keep: Box::new(()) }
}

async fn read_model() -> ReadModelFixture {
    let client = connection().dynamodb();
    let table = new_table(&client, &schema::views::TABLE).await;
    ReadModelFixture { model: Arc::new(DynamoDbReadModel::new(client, table)), keep: Box::new(()) }
}

async fn settings() -> Arc<DynamoDbSettings> {
    let client = connection().dynamodb();
    let table = new_table(&client, &schema::settings::TABLE).await;
    Arc::new(DynamoDbSettings::new(client, table))
}

async fn collections() -> CollectionStoreFixture {
    CollectionStoreFixture { collections: settings().await, keep: Box::new(()) }
}

async fn api_keys() -> ApiKeyStoreFixture {
    ApiKeyStoreFixture { api_keys: settings().await, keep: Box::new(()) }
}

async fn embedding_cache() -> EmbeddingCacheFixture {
    let client = connection().dynamodb();
    let table = new_table(&client, &schema::vectors_cache::TABLE).await;
    let cache = DynamoDbEmbeddingCache::new(client, table, Arc::new(SimClock::default()));
    EmbeddingCacheFixture { cache: Arc::new(cache), keep: Box::new(()) }
}

mod event_store_cases {
    millrace_test_support::event_store_suite!(super::event_store);
}
mod job_ledger_cases {
    millrace_test_support::job_ledger_suite!(super::job_ledger);
}
mod read_model_cases {
    millrace_test_support::read_model_suite!(super::read_model);
}
mod collection_cases {
    millrace_test_support::collection_store_suite!(super::collections);
}
mod api_key_cases {
    millrace_test_support::api_key_store_suite!(super::api_keys);
}
mod embedding_cache_cases {
    millrace_test_support::embedding_cache_suite!(super::embedding_cache);
}
