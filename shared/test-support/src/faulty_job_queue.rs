//! Queues whose calls go wrong by a plan. A send of several messages goes wrong as a whole; an adapter that sends some and
//! not others is not imitated.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::QueueName;
use millrace_ports::{
    ErrorKind, JobConsumer, JobQueue, OutgoingMessage, PortError, QueueDepth, Receipt, ReceivedMessage,
};

use crate::FaultPlan;

/// The decorator of both queue ports. `T` implements the one that is used, or both.
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
        let lost = || Err(PortError::caused(ErrorKind::Unavailable, NAME, "the plan says so"));
        let failed = || (0..count).map(|_| lost()).collect();
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
        reason: &str,
    ) -> Result<(), PortError> {
        self.plan.call("job_queue.dead_letter", self.inner.dead_letter(queue, message, reason)).await
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

    async fn dead_letters(&self, queue: QueueName, most: usize) -> Result<Vec<ReceivedMessage>, PortError> {
        self.plan.call("job_consumer.dead_letters", self.inner.dead_letters(queue, most)).await
    }
}
