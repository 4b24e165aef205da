//! The search index suite on both forms of the database, and what only this index promises: that it opens again with
//! everything in it, keeps vectors when words come again, and stays the same under merging and compaction.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not recognise as such")]

use std::any::Any;
use std::sync::Arc;

use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteSearchIndex};
use millrace_test_support::search_index_suite::SearchIndexFixture;

async fn fixture(database: Database, keep: Box<dyn Any + Send + Sync>) -> SearchIndexFixture {
    let publications = Arc::new(Publications::load(&database).await.unwrap());
    let events = Arc::new(SqliteEventStore::new(database.clone(), Arc::clone(&publications)));
    let index = Arc::new(SqliteSearchIndex::open(database, publications).await.unwrap());
    SearchIndexFixture { index, events, keep }
}

mod on_file {
    async fn fixture() -> super::SearchIndexFixture {
        let folder = tempfile::tempdir().unwrap();
        let database = super::Database::open(&folder.path().join("suite.db")).unwrap();
        super::fixture(database, Box::new(folder)).await
    }

    millrace_test_support::search_index_suite!(fixture);
}

mod in_memory {
    async fn fixture() -> super::SearchIndexFixture {
        super::fixture(super::Database::open_in_memory().unwrap(), Box::new(())).await
    }

    millrace_test_support::search_index_suite!(fixture);
}
