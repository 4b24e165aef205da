//! `Parts`: one of each port.

use std::sync::Arc;

use millrace_application::{Workbench, WorkbenchPorts};
use millrace_ports::{
    BlobStore, Clock, CollectionStore, DeadLetters, EmbeddingCache, EventBus, EventStore, IdGenerator,
    JobConsumer, JobLedger, JobQueue, ReadModel, SearchIndex, UploadReceiver, UploadUrls,
};
use millrace_test_support::{
    FaultPlan, FaultyBlobStore, FaultyCollectionStore, FaultyEmbeddingCache, FaultyEventBus,
    FaultyEventStore, FaultyJobLedger, FaultyJobQueue, FaultyReadModel, FaultySearchIndex, FaultyUploadUrls,
};

/// One of each port.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The histories.
    pub store: Arc<dyn EventStore>,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// Sending messages.
    pub queue: Arc<dyn JobQueue>,
    /// The same, for handlers that steer messages.
    pub steering: Arc<dyn JobQueue>,
    /// Receiving them.
    pub consumer: Arc<dyn JobConsumer>,
    /// What was given up on them.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// The lists.
    pub views: Arc<dyn ReadModel>,
    /// The bus.
    pub bus: Arc<dyn EventBus>,
    /// The collections.
    pub collections: Arc<dyn CollectionStore>,
    /// URLs for uploads.
    pub urls: Arc<dyn UploadUrls>,
    /// Their receiving end.
    pub receiver: Arc<dyn UploadReceiver>,
}

impl Parts {
    /// The same parts behind a plan of faults. The receiving end of uploads stays without.
    #[must_use]
    pub fn behind_faults(&self, plan: &Arc<FaultPlan>) -> Self {
        Self {
            store: Arc::new(FaultyEventStore::new(self.store.clone(), plan.clone())),
            ledger: Arc::new(FaultyJobLedger::new(self.ledger.clone(), plan.clone())),
            queue: Arc::new(FaultyJobQueue::new(self.queue.clone(), plan.clone())),
            steering: Arc::new(FaultyJobQueue::new(self.steering.clone(), plan.clone())),
            consumer: Arc::new(FaultyJobQueue::new(self.consumer.clone(), plan.clone())),
            dead_letters: Arc::new(FaultyJobQueue::new(self.dead_letters.clone(), plan.clone())),
            blobs: Arc::new(FaultyBlobStore::new(self.blobs.clone(), plan.clone())),
            cache: Arc::new(FaultyEmbeddingCache::new(self.cache.clone(), plan.clone())),
            index: Arc::new(FaultySearchIndex::new(self.index.clone(), plan.clone())),
            views: Arc::new(FaultyReadModel::new(self.views.clone(), plan.clone())),
            bus: Arc::new(FaultyEventBus::new(self.bus.clone(), plan.clone())),
            collections: Arc::new(FaultyCollectionStore::new(self.collections.clone(), plan.clone())),
            urls: Arc::new(FaultyUploadUrls::new(self.urls.clone(), plan.clone())),
            receiver: self.receiver.clone(),
        }
    }

    /// What makes use cases over these parts.
    pub fn workbench(&self, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Workbench {
        Workbench::new(WorkbenchPorts {
            events: self.store.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            blobs: self.blobs.clone(),
            clock,
            ids,
        })
    }
}
