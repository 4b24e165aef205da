//! A look at a whole dead-letter queue. SQS can show a message only by delivering it, so a look receives all that are
//! there, hides them for as long as it takes, and puts them back. Two looks at the same time see parts each, and after a
//! crash what was held comes back by itself when its time is over.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName};
use futures::future::join_all;
use futures::{StreamExt, stream};
use millrace_ports::{PortError, Receipt, ReceivedMessage};

use super::batch::ENTRIES_MAX;
use super::failure::failure;
use super::message::received;
use super::queues::Queues;

/// How long a look hides what it sees: longer than it takes, shorter than anybody waits for it after a crash.
const HOLD_S: i32 = 60;
/// Most messages of a look; behind it are others that it does not see. SQS lets 120,000 be in flight.
const SEEN_MAX: usize = 10_000;
/// Receives at a time; each gives ten at most.
const CONCURRENT_RECEIVES: usize = 8;
/// A receive that waits asks all of SQS's servers, one that does not only some.
const WAIT_S: i32 = 1;

impl Queues {
    /// Receives what lies in a dead-letter queue until nothing more comes, or `is_enough`. Oldest first. Whoever calls must
    /// put back what stays.
    pub(super) async fn hold_all(
        &self,
        url: &str,
        is_enough: impl Fn(&BTreeMap<String, ReceivedMessage>) -> bool,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        let mut held = BTreeMap::new();
        while held.len() < SEEN_MAX && !is_enough(&held) {
            let round = join_all((0..CONCURRENT_RECEIVES).map(|_| self.hold_some(url))).await;
            let (mut failed, mut ended) = (None, false);
            for messages in round {
                match messages {
                    Ok(messages) => {
                        ended |= messages.is_empty();
                        held.extend(
                            messages.into_iter().map(|message| (message.message_id.clone(), message)),
                        );
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                self.put_back(url, held.into_values().map(|message| message.receipt).collect()).await;
                return Err(error);
            }
            // One that waited and got nothing says that there is nothing more.
            if ended {
                break;
            }
        }
        let mut held: Vec<ReceivedMessage> = held.into_values().collect();
        held.sort_by(|one, other| (one.sent_at, &one.message_id).cmp(&(other.sent_at, &other.message_id)));
        Ok(held)
    }

    async fn hold_some(&self, url: &str) -> Result<Vec<ReceivedMessage>, PortError> {
        let receive = self.client.receive_message().queue_url(url).visibility_timeout(HOLD_S);
        let receive = receive.max_number_of_messages(ENTRIES_MAX as i32).wait_time_seconds(WAIT_S);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = receive.message_attribute_names("All").send().await;
        let answer = answer.map_err(|error| failure(error, format!("look at the dead letters in {url}")))?;
        answer.messages.unwrap_or_default().into_iter().map(received).collect()
    }

    /// Makes held messages visible again. What fails comes back when its time is over, so that is only noted.
    pub(super) async fn put_back(&self, url: &str, receipts: Vec<Receipt>) {
        let calls: Vec<Vec<Receipt>> = receipts.chunks(ENTRIES_MAX).map(<[Receipt]>::to_vec).collect();
        let calls = stream::iter(calls).map(|call| self.put_back_call(url, call));
        let left: usize = calls.buffer_unordered(CONCURRENT_RECEIVES).fold(0, async |sum, n| sum + n).await;
        if left > 0 {
            tracing::warn!(messages = left, queue = url, "dead letters stay hidden for a minute");
        }
    }

    /// Gives how many could not be put back.
    async fn put_back_call(&self, url: &str, receipts: Vec<Receipt>) -> usize {
        let entries = receipts.iter().enumerate().filter_map(|(place, receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
            entry.receipt_handle(&receipt.0).visibility_timeout(0).build().ok()
        });
        let change = self.client.change_message_visibility_batch().queue_url(url);
        match change.set_entries(Some(entries.collect())).send().await {
            Ok(answer) => answer.failed.len(),
            Err(_) => receipts.len(),
        }
    }
}
