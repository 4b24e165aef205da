//! Many messages in as few calls as SQS permits, with one answer each, in order.

use std::sync::Arc;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};
use futures::{StreamExt, stream};
use millrace_ports::{ErrorKind, MESSAGE_BYTES_MAX, OutgoingMessage, PortError, Receipt};

use super::failure::{entry_failure, failure, is_stale_receipt};
use super::outgoing::Outgoing;
use super::queues::Queues;
use crate::connection::repeated;

/// Entries of one call, as SQS has it.
pub(super) const ENTRIES_MAX: usize = 10;
/// Calls that are under way at a time.
const CONCURRENT_CALLS: usize = 4;

/// A message and its place among all that are sent.
type Placed = (usize, Outgoing);

impl Queues {
    /// Sends messages to the queue at an address. One that breaks a rule is `Invalid` and is not sent.
    pub(super) async fn send_all(
        &self,
        url: &str,
        messages: Vec<OutgoingMessage>,
    ) -> Vec<Result<(), PortError>> {
        let mut answers: Vec<Result<(), PortError>> = Vec::with_capacity(messages.len());
        let mut sendable = Vec::new();
        for (place, message) in messages.into_iter().enumerate() {
            let checked = Outgoing::of(message);
            answers.push(checked.map(|message| sendable.push((place, message))).map_err(|rule| {
                PortError::caused(ErrorKind::Invalid, format!("send message {place} to {url}"), rule)
            }));
        }
        let calls = stream::iter(calls(sendable)).map(|call| self.send_call(url, call));
        let failures: Vec<_> = calls.buffer_unordered(CONCURRENT_CALLS).concat().await;
        for (place, error) in failures {
            answers[place] = Err(error);
        }
        answers
    }

    /// Sends one call's messages, and gives the places of those that were not sent.
    async fn send_call(&self, url: &str, call: Vec<Placed>) -> Vec<(usize, PortError)> {
        let attempted = |place: &usize| format!("send message {place} to {url}");
        let places: Vec<usize> = call.iter().map(|(place, _)| *place).collect();
        let entries: Result<Vec<_>, _> = call.into_iter().map(entry).collect();
        let sent = match entries {
            Ok(entries) => {
                let send = self.client.send_message_batch().queue_url(url).set_entries(Some(entries));
                send.send()
                    .await
                    .map_err(|error| failure(error, format!("send {} messages to {url}", places.len())))
            }
            Err(error) => {
                Err(PortError::caused(ErrorKind::Invalid, format!("send messages to {url}"), error))
            }
        };
        match sent {
            Err(error) => {
                let cause = Arc::new(error);
                places.into_iter().map(|place| (place, repeated(&cause, attempted(&place)))).collect()
            }
            Ok(sent) => {
                let answer = |place: &usize| {
                    let id = place.to_string();
                    if sent.successful.iter().any(|entry| entry.id == id) {
                        return None;
                    }
                    let failed = sent.failed.iter().find(|entry| entry.id == id);
                    let unanswered =
                        || PortError::caused(ErrorKind::Unavailable, attempted(place), "no answer");
                    Some(failed.map_or_else(unanswered, |entry| entry_failure(entry, attempted(place))))
                };
                places.iter().filter_map(|place| Some((*place, answer(place)?))).collect()
            }
        }
    }

    /// Deletes messages. Receipts that are no longer good are skipped; of other failures the first is the error, after all
    /// were tried.
    pub(super) async fn delete_all(&self, url: &str, receipts: &[Receipt]) -> Result<(), PortError> {
        let mut failed = Ok(());
        for call in receipts.chunks(ENTRIES_MAX) {
            failed = failed.and(self.delete_call(url, call).await);
        }
        failed
    }

    async fn delete_call(&self, url: &str, receipts: &[Receipt]) -> Result<(), PortError> {
        let attempted = format!("delete {} messages from {url}", receipts.len());
        let invalid = |error| PortError::caused(ErrorKind::Invalid, attempted.clone(), error);
        let mut delete = self.client.delete_message_batch().queue_url(url);
        for (place, receipt) in receipts.iter().enumerate() {
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(place.to_string()).receipt_handle(&receipt.0);
            delete = delete.entries(entry.build().map_err(invalid)?);
        }
        let answer = delete.send().await.map_err(|error| failure(error, attempted.clone()))?;
        let failed = answer.failed.iter().find(|entry| !is_stale_receipt(&entry.code));
        failed.map_or(Ok(()), |entry| Err(entry_failure(entry, attempted)))
    }
}

/// Fills calls in order, each within the bounds on entries and bytes.
fn calls(messages: Vec<Placed>) -> Vec<Vec<Placed>> {
    let mut calls: Vec<Vec<Placed>> = Vec::new();
    let mut bytes = 0;
    for (place, message) in messages {
        bytes += message.bytes;
        match calls.last_mut() {
            Some(call) if call.len() < ENTRIES_MAX && bytes <= MESSAGE_BYTES_MAX => {
                call.push((place, message))
            }
            _ => {
                bytes = message.bytes;
                calls.push(vec![(place, message)]);
            }
        }
    }
    calls
}

fn entry(
    (place, message): Placed,
) -> Result<SendMessageBatchRequestEntry, aws_smithy_types::error::operation::BuildError> {
    let attributes = Some(message.attributes).filter(|attributes| !attributes.is_empty());
    // An explicit 0 overrides a delay of the queue's own.
    SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(message.body)
        .delay_seconds(message.delay_s)
        .set_message_group_id(message.group)
        .set_message_attributes(attributes)
        .build()
}
