//! Receiving from queues, with a record of which deliveries were deleted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use millrace_domain::QueueName;
use millrace_ports::{JobConsumer, PortError, QueueDepth, Receipt, ReceivedMessage};

use crate::label::{Aspect, Label};
use crate::scheduler::Scheduler;
use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenConsumer {
    inner: Arc<dyn JobConsumer>,
    deleted: Deleted,
    scheduler: Arc<Scheduler>,
    witness: Arc<Witness>,
}

/// The receipts by which messages were deleted, and by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deleted(Arc<Mutex<BTreeMap<(QueueName, String), Label>>>);

impl Deleted {
    /// Who deleted a message by this receipt.
    pub(crate) fn by(&self, queue: QueueName, receipt: &Receipt) -> Option<Label> {
        let deleted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.get(&(queue, receipt.0.clone())).copied()
    }

    fn add(&self, queue: QueueName, receipts: &[Receipt], by: Label) {
        let mut deleted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for receipt in receipts {
            deleted.entry((queue, receipt.0.clone())).or_insert(by);
        }
    }
}

impl SeenConsumer {
    pub(crate) fn new(
        inner: Arc<dyn JobConsumer>,
        deleted: Deleted,
        scheduler: Arc<Scheduler>,
        witness: Arc<Witness>,
    ) -> Self {
        Self { inner, deleted, scheduler, witness }
    }

    /// All messages of a queue, wherever they are.
    async fn messages(&self, queue: QueueName) -> Result<u64, PortError> {
        let depth = self.inner.depth(queue).await?;
        Ok(depth.visible + depth.in_flight + depth.delayed + depth.dead)
    }
}

#[async_trait]
impl JobConsumer for SeenConsumer {
    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        self.inner.receive(queue, most, wait_ms).await
    }

    async fn delete(&self, queue: QueueName, receipts: &[Receipt]) -> Result<(), PortError> {
        let good = self.witness.good_receipts(queue, receipts);
        let before = self.messages(queue).await?;
        self.inner.delete(queue, receipts).await?;
        let gone = before - self.messages(queue).await?;
        self.witness.deleted(queue, receipts, good.is_none_or(|good| good == gone));
        if let Some(place) = self.scheduler.place(Aspect::Whole) {
            self.deleted.add(queue, receipts, place.label);
        }
        Ok(())
    }

    async fn depth(&self, queue: QueueName) -> Result<QueueDepth, PortError> {
        self.inner.depth(queue).await
    }
}
