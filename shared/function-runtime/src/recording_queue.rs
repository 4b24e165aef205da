//! A queue for this crate's tests: writes down how messages were steered, and can be told to refuse. It delivers nothing.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    DeadLetterCode, ErrorKind, JobQueue, OutgoingMessage, PortError, Receipt, ReceivedMessage,
};

use crate::to_sqs_event;

/// How a message was steered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Steered {
    Sent(OutgoingMessage),
    Hidden { receipt: String, delay_ms: u64 },
    DeadLettered { message_id: String, code: DeadLetterCode, reason: String },
}

#[derive(Debug, Default)]
pub(crate) struct RecordingQueue {
    refuses: bool,
    steered: Mutex<Vec<Steered>>,
}

impl RecordingQueue {
    /// A queue whose every call fails.
    pub(crate) fn refusing() -> Self {
        Self { refuses: true, ..Self::default() }
    }

    pub(crate) fn steered(&self) -> Vec<Steered> {
        self.steered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, steered: Steered) -> Result<(), PortError> {
        if self.refuses {
            return Err(PortError::new(ErrorKind::Unavailable, "steer a message"));
        }
        self.steered.lock().unwrap_or_else(PoisonError::into_inner).push(steered);
        Ok(())
    }
}

#[async_trait]
impl JobQueue for RecordingQueue {
    async fn send(&self, _: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>> {
        messages.into_iter().map(|message| self.note(Steered::Sent(message))).collect()
    }

    async fn change_visibility(
        &self,
        _: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError> {
        self.note(Steered::Hidden { receipt: receipt.0.clone(), delay_ms })
    }

    async fn dead_letter(
        &self,
        _: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError> {
        let (message_id, reason) = (message.message_id.clone(), reason.to_owned());
        self.note(Steered::DeadLettered { message_id, code, reason })
    }
}

/// A message as it was received: `m-1` has the receipt `r-1`.
pub(crate) fn received(number: usize, body: &str) -> ReceivedMessage {
    ReceivedMessage {
        message_id: format!("m-{number}"),
        receipt: Receipt(format!("r-{number}")),
        body: body.into(),
        group: Some("acme".into()),
        attributes: [("traceparent".to_owned(), "00-1-2-01".to_owned())].into(),
        receive_count: 2,
        sent_at: Timestamp::from_millis(1_700_000_000_000),
    }
}

/// An event of messages with these bodies, numbered from 1.
pub(crate) fn event_of(bodies: &[&str]) -> SqsEvent {
    let messages = bodies.iter().zip(1..).map(|(body, number)| received(number, body)).collect();
    to_sqs_event(QueueName::Ingest, messages)
}
