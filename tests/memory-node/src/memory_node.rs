//! `MemoryNode`: the local adapters over one database in memory, without faults.
#![expect(clippy::expect_used, reason = "a node that cannot be made is a broken test")]

use std::collections::HashMap;
use std::sync::Arc;

use millrace_adapters_local::{
    Database, EventPattern, JournalStream, LocalEventBus, LocalUploadUrls, MemoryBlobStore, Publications,
    Rule, SqliteEmbeddingCache, SqliteEventStore, SqliteJobLedger, SqliteJobQueue, SqliteReadModel,
    SqliteSearchIndex, SqliteSettings,
};
use millrace_application::{SUBSCRIPTIONS, StepPolicy, queue_policy};
use millrace_domain::QueueName;
use millrace_ports::{BlobStore, Clock, JobQueue};

use crate::parts::Parts;

/// Vectors kept for texts that come again.
const CACHED_VECTORS_MAX: u64 = 10_000;
/// What upload URLs are signed with.
const UPLOAD_SECRET: [u8; 32] = [7; 32];

/// An empty node.
#[derive(Debug)]
pub struct MemoryNode {
    /// Its parts.
    pub parts: Parts,
    /// Its journal as a stream.
    pub journal: JournalStream,
    /// Its API keys.
    pub settings: Arc<SqliteSettings>,
    /// What lies beneath all of them but the blobs, for tests that break it.
    pub database: Database,
}

impl MemoryNode {
    /// A node on this clock.
    pub async fn open(clock: Arc<dyn Clock>) -> Self {
        Self::open_with(clock.clone(), clock, |queue| queue).await
    }

    /// A node whose leases are compared with a clock of their own, and whose services send their notifications through
    /// `notified`: what the bus and the receiving end of uploads send to.
    pub async fn open_with(
        clock: Arc<dyn Clock>,
        ledger_clock: Arc<dyn Clock>,
        notified: impl FnOnce(Arc<dyn JobQueue>) -> Arc<dyn JobQueue>,
    ) -> Self {
        let database = Database::open_in_memory().expect("memory suffices");
        let publications =
            Arc::new(Publications::load(&database).await.expect("an empty database publishes nothing"));
        let store = Arc::new(SqliteEventStore::new(database.clone(), publications.clone()));
        let policies: HashMap<_, _> =
            QueueName::ALL.map(|queue| (queue, queue_policy(queue, StepPolicy::default()))).into();
        let queue = Arc::new(SqliteJobQueue::new(database.clone(), clock.clone(), policies));
        let notified = notified(queue.clone());
        let rules = SUBSCRIPTIONS.map(|subscription| Rule {
            subscriber: subscription.queue,
            pattern: EventPattern::Prefix(subscription.event_type_prefix.into()),
        });
        let index =
            SqliteSearchIndex::open(database.clone(), publications).await.expect("an empty index opens");
        let journal = JournalStream::new(database.clone(), &store);
        let settings = Arc::new(SqliteSettings::new(database.clone()));
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new(clock.clone()));
        let urls = LocalUploadUrls::open(&database, UPLOAD_SECRET, blobs.clone(), notified.clone(), clock);
        let urls = Arc::new(urls.await.expect("an empty database takes a secret"));
        let parts = Parts {
            store,
            ledger: Arc::new(SqliteJobLedger::new(database.clone(), ledger_clock)),
            bus: Arc::new(LocalEventBus::new(notified, &rules)),
            steering: queue.clone(),
            consumer: queue.clone(),
            dead_letters: queue.clone(),
            queue,
            blobs,
            urls: urls.clone(),
            receiver: urls,
            cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), CACHED_VECTORS_MAX)),
            index: Arc::new(index),
            views: Arc::new(SqliteReadModel::new(database.clone())),
            collections: settings.clone(),
        };
        Self { parts, journal, settings, database }
    }
}
