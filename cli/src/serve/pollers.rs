//! Stand-ins for Lambda's event source mappings: a loop that receives from a queue, calls a handler with the SQS event that
//! Lambda would deliver, and deletes what the handler did not report. Knows no handler by name.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_domain::QueueName;
use millrace_function_runtime::to_sqs_event;
use millrace_ports::{JobConsumer, PortError, ReceivedMessage};
use tokio_util::sync::CancellationToken;

/// Longest wait for a message in one receive, in milliseconds, as SQS's long polling has it.
const WAIT_MS: u64 = 20_000;
/// Pause after a failed receive.
const PAUSE: Duration = Duration::from_secs(1);

/// A handler of SQS events.
pub(crate) type SqsHandler =
    Arc<dyn Fn(SqsEvent) -> Pin<Box<dyn Future<Output = SqsBatchResponse> + Send>> + Send + Sync>;

/// One queue and what consumes it.
pub(crate) struct QueuePoller {
    pub(crate) consumer: Arc<dyn JobConsumer>,
    pub(crate) queue: QueueName,
    /// Messages of one invocation, 1 to 10.
    pub(crate) batch: usize,
    pub(crate) handler: SqsHandler,
}

impl QueuePoller {
    /// Polls until told to stop; an invocation in progress ends first.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let received = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                received = self.consumer.receive(self.queue, self.batch, WAIT_MS) => received,
            };
            let outcome = match received {
                Ok(messages) if messages.is_empty() => continue,
                Ok(messages) => self.invoke(messages).await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::error!(queue = self.queue.as_str(), %error, "queue not polled, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn invoke(&self, messages: Vec<ReceivedMessage>) -> Result<(), PortError> {
        let receipts: Vec<_> =
            messages.iter().map(|message| (message.message_id.clone(), message.receipt.clone())).collect();
        let response = (self.handler)(to_sqs_event(self.queue, messages)).await;
        let failed =
            |id: &String| response.batch_item_failures.iter().any(|item| item.item_identifier == *id);
        let done: Vec<_> =
            receipts.into_iter().filter(|(id, _)| !failed(id)).map(|(_, receipt)| receipt).collect();
        self.consumer.delete(self.queue, &done).await
    }
}
