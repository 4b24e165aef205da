//! Queues that lose messages, repeat them and deliver them late, when the weather says so, and that tell the event sources
//! when there may be something to receive. Events for subscribers are not lost: that is the bus's promise.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_application::{StepPolicy, queue_policy};
use millrace_domain::{JobEnvelope, QueueName};
use millrace_ports::{
    DELAY_MS_MAX, DeadLetterCode, ErrorKind, JobQueue, OutgoingMessage, PortError, Receipt, ReceivedMessage,
};

use crate::label::Aspect;
use crate::scheduler::{Happening, Scheduler};
use crate::weather::Mishap;
use crate::witness::Witness;

const SEND: &str = "job_queue.send";

/// The layer.
#[derive(Debug)]
pub(crate) struct LossyQueue {
    inner: Arc<dyn JobQueue>,
    scheduler: Arc<Scheduler>,
    witness: Arc<Witness>,
    /// Whether messages are sent anew here, as handlers do that postpone them. Such are not repeated: a message that is
    /// postponed again and again would multiply without end, which no queue does.
    sends_anew: bool,
}

impl LossyQueue {
    pub(crate) fn new(inner: Arc<dyn JobQueue>, scheduler: Arc<Scheduler>, witness: Arc<Witness>) -> Self {
        Self { inner, scheduler, witness, sends_anew: false }
    }

    /// The same for the handlers that steer messages.
    pub(crate) fn for_steering(
        inner: Arc<dyn JobQueue>,
        scheduler: Arc<Scheduler>,
        witness: Arc<Witness>,
    ) -> Self {
        Self { inner, scheduler, witness, sends_anew: true }
    }

    fn mishap(&self, queue: QueueName, at: usize) -> Option<Mishap> {
        let place = self.scheduler.place(Aspect::Message(at as u32))?;
        let may_be_lost = queue != QueueName::Projector;
        let mishap = self.scheduler.weather.message(place, self.scheduler.now(), may_be_lost)?;
        if self.sends_anew && mishap == Mishap::Duplicate {
            return None;
        }
        self.scheduler.strike(place, SEND, mishap);
        Some(mishap)
    }

    /// A message that is lost on its way back was perhaps the last that knew of what its worker left behind.
    fn lose(&self, message: &OutgoingMessage) {
        let job = serde_json::from_str::<JobEnvelope>(&message.body);
        if let Ok(job) = job
            && self.sends_anew
        {
            self.witness.litters(&job.key());
        }
    }

    async fn send_one(&self, queue: QueueName, message: OutgoingMessage) -> Result<(), PortError> {
        let delay_ms = message.delay_ms;
        self.inner.send(queue, vec![message.clone()]).await.into_iter().collect::<Result<(), _>>()?;
        self.witness.sent(queue, &message);
        self.scheduler.happen(Happening::Poll(queue), delay_ms);
        Ok(())
    }
}

#[async_trait]
impl JobQueue for LossyQueue {
    async fn send(&self, queue: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>> {
        let mut answers = Vec::new();
        for (at, mut message) in messages.into_iter().enumerate() {
            if self.sends_anew {
                self.witness.postponed(queue, &message);
            }
            answers.push(match self.mishap(queue, at) {
                Some(Mishap::Lose) => {
                    self.lose(&message);
                    Ok(())
                }
                Some(Mishap::Partial) => {
                    Err(PortError::caused(ErrorKind::Unavailable, SEND, "this entry failed"))
                }
                Some(Mishap::Duplicate) => match self.send_one(queue, message.clone()).await {
                    Ok(()) => self.send_one(queue, message).await,
                    failed => failed,
                },
                Some(Mishap::Late(by_ms)) => {
                    self.scheduler.put_off(by_ms);
                    message.delay_ms = (message.delay_ms + by_ms).min(DELAY_MS_MAX);
                    self.send_one(queue, message).await
                }
                _ => self.send_one(queue, message).await,
            });
        }
        answers
    }

    async fn change_visibility(
        &self,
        queue: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError> {
        self.inner.change_visibility(queue, receipt, delay_ms).await?;
        self.witness.hidden(queue, receipt, delay_ms);
        self.scheduler.happen(Happening::Poll(queue), delay_ms);
        Ok(())
    }

    async fn dead_letter(
        &self,
        queue: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError> {
        self.inner.dead_letter(queue, message, code, reason).await?;
        self.witness.buried(queue, &message.message_id, code, reason);
        self.scheduler.happen(Happening::Died(queue), 0);
        Ok(())
    }
}

/// How long a received message stays hidden.
pub(crate) fn visibility_ms(queue: QueueName) -> u64 {
    queue_policy(queue, StepPolicy::default()).visibility_timeout_ms
}
