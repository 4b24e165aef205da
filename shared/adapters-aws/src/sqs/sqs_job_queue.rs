//! `SqsJobQueue`: the job queues on SQS. On AWS the event source mapping receives and deletes for the workers; receiving
//! here is for whoever looks after the queues.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use millrace_domain::QueueName;
use millrace_ports::{
    DEAD_LETTER_CODE, DEAD_LETTER_REASON, DeadLetterCode, ErrorKind, JobConsumer, JobQueue, OutgoingMessage,
    PortError, QueueDepth, Receipt, ReceivedMessage, VISIBILITY_MS_MAX, letter_reason,
};

use super::batch::ENTRIES_MAX;
use super::failure::{failure, receipt_failure};
use super::message::received;
use super::outgoing::seconds;
use super::queues::{Queues, SqsQueues};
use crate::connection::{READ_TIMEOUT, repeated, timeouts};

/// How long a message that is being given up is kept from others meanwhile.
const BURIAL_MS: u64 = 30_000;
/// Longest wait of one receive, as SQS has it. Whoever wants to wait longer asks again.
const WAIT_S_MAX: u64 = 20;

/// Job queues on SQS. Clones share the connection.
#[derive(Debug, Clone)]
pub struct SqsJobQueue {
    queues: Queues,
}

impl SqsJobQueue {
    /// The queues at these addresses.
    pub fn new(client: Client, urls: SqsQueues) -> Self {
        Self { queues: Queues { client, urls } }
    }

    /// Asks for something of a queue, so that the connection is open when it is needed.
    ///
    /// # Errors
    /// As any other call.
    pub async fn ping(&self, queue: QueueName) -> Result<(), PortError> {
        let url = &self.queues.urls(queue)?.queue;
        self.queues.attributes(url, [QueueAttributeName::ApproximateNumberOfMessages]).await.map(drop)
    }
}

#[async_trait]
impl JobQueue for SqsJobQueue {
    async fn send(&self, queue: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>> {
        match self.queues.urls(queue) {
            Ok(urls) => self.queues.send_all(&urls.queue, messages).await,
            Err(error) => {
                let error = std::sync::Arc::new(error);
                messages.iter().map(|_| Err(repeated(&error, format!("send to queue {queue}")))).collect()
            }
        }
    }

    async fn change_visibility(
        &self,
        queue: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError> {
        let attempted = format!("hide a message of queue {queue} for {delay_ms} ms");
        if delay_ms > VISIBILITY_MS_MAX {
            return Err(PortError::new(ErrorKind::Invalid, attempted));
        }
        let change =
            self.queues.client.change_message_visibility().queue_url(&self.queues.urls(queue)?.queue);
        let change = change.receipt_handle(&receipt.0).visibility_timeout(seconds(delay_ms));
        change.send().await.map(|_| ()).map_err(|error| receipt_failure(error, attempted))
    }

    async fn dead_letter(
        &self,
        queue: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError> {
        let urls = self.queues.urls(queue)?;
        // Fails if the receipt is stale, and keeps the message from others until it is gone.
        self.change_visibility(queue, &message.receipt, BURIAL_MS).await?;
        let mut attributes = message.attributes.clone();
        attributes.insert(DEAD_LETTER_CODE.into(), code.as_str().into());
        attributes.insert(DEAD_LETTER_REASON.into(), letter_reason(reason));
        let (body, group) = (message.body.clone(), message.group.clone());
        let letter = OutgoingMessage { body, group, delay_ms: 0, attributes };
        // Sent before it is deleted: a crash between leaves both and loses nothing.
        self.queues
            .send_all(&urls.dead_letters, vec![letter])
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        self.queues.delete_all(&urls.queue, std::slice::from_ref(&message.receipt)).await
    }
}

#[async_trait]
impl JobConsumer for SqsJobQueue {
    /// Gives at most ten and waits at most 20 s, as SQS does; fewer may come although more are there.
    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        let wait_s = wait_ms.div_ceil(1_000).min(WAIT_S_MAX);
        let patience = READ_TIMEOUT + Duration::from_secs(wait_s);
        let config = aws_sdk_sqs::config::Builder::default().timeout_config(timeouts(patience, patience));
        let receive = self.queues.client.receive_message().queue_url(&self.queues.urls(queue)?.queue);
        let answer = receive
            .max_number_of_messages(i32::try_from(most.clamp(1, ENTRIES_MAX)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(wait_s).unwrap_or(0))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .customize()
            .config_override(config)
            .send()
            .await
            .map_err(|error| failure(error, format!("receive from queue {queue}")))?;
        answer.messages.unwrap_or_default().into_iter().map(received).collect()
    }

    async fn delete(&self, queue: QueueName, receipts: &[Receipt]) -> Result<(), PortError> {
        self.queues.delete_all(&self.queues.urls(queue)?.queue, receipts).await
    }

    async fn depth(&self, queue: QueueName) -> Result<QueueDepth, PortError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let urls = self.queues.urls(queue)?;
        let ([visible, in_flight, delayed], [dead, looked_at]) = futures::try_join!(
            self.queues.counts(&urls.queue, [Visible, InFlight, Delayed]),
            self.queues.counts(&urls.dead_letters, [Visible, InFlight]),
        )?;
        Ok(QueueDepth { visible, in_flight, delayed, dead: dead + looked_at })
    }
}
