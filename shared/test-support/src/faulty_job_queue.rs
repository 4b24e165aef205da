//! Queues whose calls go wrong by a plan. A send of several messages goes wrong as a whole; an adapter that sends some and
//! not others is not imitated.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    DeadLetterCode, DeadLetterPage, DeadLetters, JobConsumer, JobQueue, OutgoingMessage, PortError,
    QueueDepth, Receipt, ReceivedMessage, Redrive,
};

use crate::FaultPlan;

/// The decorator of the queue ports. `T` implements those that are used.
#[derive(Debug)]
pub struct FaultyJobQueue<T: ?Sized> {
    inner: Arc<T>,
    plan: Arc<FaultPlan>,
}

impl<T: ?Sized> FaultyJobQueue<T> {
    /// Queues behind a plan.
    pub fn new(inner: Arc<T>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl<T: JobQueue + ?Sized> JobQueue for FaultyJobQueue<T> {
    async fn send(&self, queue: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>> {
        const NAME: &str = "job_queue.send";
        let count = messages.len();
        let failed = |error: PortError| (0..count).map(|_| Err(PortError::new(error.kind, NAME))).collect();
        self.plan.call_with(NAME, self.inner.send(queue, messages), failed).await
    }

    async fn change_visibility(
        &self,
        queue: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError> {
        let effect = self.inner.change_visibility(queue, receipt, delay_ms);
        self.plan.call("job_queue.change_visibility", effect).await
    }

    async fn dead_letter(
        &self,
        queue: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError> {
        let effect = self.inner.dead_letter(queue, message, code, reason);
        self.plan.call("job_queue.dead_letter", effect).await
    }
}

#[async_trait]
impl<T: JobConsumer + ?Sized> JobConsumer for FaultyJobQueue<T> {
    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        self.plan.call("job_consumer.receive", self.inner.receive(queue, most, wait_ms)).await
    }

    async fn delete(&self, queue: QueueName, receipts: &[Receipt]) -> Result<(), PortError> {
        self.plan.call("job_consumer.delete", self.inner.delete(queue, receipts)).await
    }

    async fn depth(&self, queue: QueueName) -> Result<QueueDepth, PortError> {
        self.plan.call("job_consumer.depth", self.inner.depth(queue)).await
    }

    async fn oldest_sent_at(&self, queue: QueueName) -> Result<Option<Timestamp>, PortError> {
        self.plan.call("job_consumer.oldest_sent_at", self.inner.oldest_sent_at(queue)).await
    }
}

#[async_trait]
impl<T: DeadLetters + ?Sized> DeadLetters for FaultyJobQueue<T> {
    async fn list(
        &self,
        queue: QueueName,
        after: Option<&str>,
        most: usize,
    ) -> Result<DeadLetterPage, PortError> {
        self.plan.call("dead_letters.list", self.inner.list(queue, after, most)).await
    }

    async fn redrive(&self, queue: QueueName, letters: &[Redrive]) -> Result<Vec<String>, PortError> {
        self.plan.call("dead_letters.redrive", self.inner.redrive(queue, letters)).await
    }

    async fn redrive_all(
        &self,
        queue: QueueName,
        max_per_second: Option<NonZeroU32>,
    ) -> Result<u64, PortError> {
        self.plan.call("dead_letters.redrive_all", self.inner.redrive_all(queue, max_per_second)).await
    }
}
