//! `SqliteJobQueue`: the ports for sending and receiving over the rows, and waiting for messages. It runs no workers and retries nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    Clock, DeadLetterCode, ErrorKind, JobConsumer, JobQueue, OutgoingMessage, PortError, QueueDepth,
    QueuePolicy, Receipt, ReceivedMessage, VISIBILITY_MS_MAX,
};
use tokio::sync::Notify;

use super::burying::{self, Grave};
use super::message_row::Delivery;
use super::{steering, taking};
use crate::database::{Database, named};
use crate::pause::pause;

/// Most messages of one receive, whatever its caller asks for.
const RECEIVE_MAX: usize = 100;
/// Most receivers woken by one send; more than a node has workers.
const WAKE_MAX: usize = 64;

/// The queues of a single node.
pub struct SqliteJobQueue {
    pub(super) database: Database,
    clock: Arc<dyn Clock>,
    queues: HashMap<QueueName, Queue>,
}

pub(super) struct Queue {
    pub(super) policy: QueuePolicy,
    /// Signalled for each message that may have become receivable earlier than a waiting receiver knows.
    arrived: Notify,
}

impl fmt::Debug for SqliteJobQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJobQueue").field("database", &self.database).finish_non_exhaustive()
    }
}

impl SqliteJobQueue {
    /// The queues that have a policy, in the database; times are the clock's.
    pub fn new(database: Database, clock: Arc<dyn Clock>, policies: HashMap<QueueName, QueuePolicy>) -> Self {
        let queues = policies
            .into_iter()
            .map(|(name, policy)| (name, Queue { policy, arrived: Notify::new() }))
            .collect();
        Self { database, clock, queues }
    }

    /// Makes every message that is in flight receivable again, without counting that receive. Only for whoever knows that
    /// all its receivers are gone, as a node does that has just locked its data folder: the receive was cut off by the
    /// death of the process and says nothing about the message. Gives how many there were.
    pub async fn return_in_flight(&self) -> Result<u64, PortError> {
        let now = self.clock.now();
        self.database
            .write("return messages in flight", move |connection| steering::put_back(connection, now))
            .await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes as many receivers as messages have come.
    pub(super) fn wake(&self, queue: &Queue, messages: usize) {
        (0..messages.min(WAKE_MAX)).for_each(|_| queue.arrived.notify_one());
    }

    pub(super) fn queue(&self, name: QueueName) -> Result<&Queue, PortError> {
        let missing =
            || PortError::caused(ErrorKind::Invalid, format!("use queue {name}"), "it has no policy");
        self.queues.get(&name).ok_or_else(missing)
    }

    async fn take(&self, name: QueueName, queue: &Queue, most: usize) -> Result<taking::Taken, PortError> {
        let (now, policy) = (self.clock.now(), queue.policy);
        self.database
            .write_relaxed(format!("receive from queue {name}"), move |connection| {
                taking::take(connection, name.as_str(), policy, most, now)
            })
            .await
    }

    /// How long to sleep at most: until the next message is due, until the caller's patience ends, and not past the
    /// visibility timeout, within which messages that others received meanwhile cannot come back.
    fn sleep_ms(&self, queue: &Queue, next_due: Option<Timestamp>, remaining_ms: u64) -> u64 {
        let due_ms = next_due.map_or(u64::MAX, |due| due.millis_since(self.clock.now()));
        remaining_ms.min(due_ms).min(queue.policy.visibility_timeout_ms).max(1)
    }
}

#[async_trait]
impl JobQueue for SqliteJobQueue {
    async fn send(&self, name: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>> {
        let checked: Vec<Result<(), PortError>> =
            messages.iter().map(|message| check(name, message)).collect();
        let sound: Vec<OutgoingMessage> = messages
            .into_iter()
            .zip(&checked)
            .filter_map(|(message, checked)| checked.is_ok().then_some(message))
            .collect();
        if sound.is_empty() {
            return checked;
        }
        let sent = self.store(name, sound).await;
        checked
            .into_iter()
            .map(|checked| checked.and_then(|()| sent.as_ref().copied().map_err(again)))
            .collect()
    }

    async fn change_visibility(
        &self,
        name: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError> {
        let queue = self.queue(name)?;
        let attempted = format!("change the visibility of message {} on queue {name}", receipt.0);
        if delay_ms > VISIBILITY_MS_MAX {
            return Err(PortError::caused(ErrorKind::Invalid, attempted, "the delay is longer than 12 h"));
        }
        let Some(delivery) = Delivery::from_receipt(receipt) else {
            return Err(named(steering::no_longer_good(), &attempted));
        };
        let until = self.clock.now().plus_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        self.database
            .write_relaxed(attempted, move |connection| {
                steering::hide(connection, name.as_str(), delivery, until)
            })
            .await?;
        queue.arrived.notify_one();
        Ok(())
    }

    async fn dead_letter(
        &self,
        name: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError> {
        let policy = self.queue(name)?.policy;
        let attempted = format!("dead-letter message {} of queue {name}", message.message_id);
        let Some(delivery) = Delivery::from_receipt(&message.receipt) else {
            return Err(named(steering::no_longer_good(), &attempted));
        };
        let (reason, now) = (reason.to_owned(), self.now());
        self.database
            .write(attempted, move |connection| {
                let grave = Grave { queue: name.as_str(), policy, now };
                burying::bury_held(connection, grave, delivery, (code, &reason))
            })
            .await
    }
}

impl SqliteJobQueue {
    async fn store(&self, name: QueueName, messages: Vec<OutgoingMessage>) -> Result<(), PortError> {
        let queue = self.queue(name)?;
        let (now, count) = (self.clock.now(), messages.len());
        // What is sent follows from what was committed before it: a power cut that takes the message back leaves a document
        // that is owed a job, or a cursor that has not moved, and the next start sends it again. So nobody waits for the disk.
        self.database
            .write_relaxed(format!("send {count} messages to queue {name}"), move |connection| {
                messages
                    .iter()
                    .try_for_each(|message| taking::insert(connection, name.as_str(), message, now))
            })
            .await?;
        self.wake(queue, count);
        Ok(())
    }
}

#[async_trait]
impl JobConsumer for SqliteJobQueue {
    async fn receive(
        &self,
        name: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        let queue = self.queue(name)?;
        let most = most.clamp(1, RECEIVE_MAX);
        let mut remaining_ms = wait_ms;
        loop {
            // Listening begins before looking, so that what arrives in between is not missed.
            let mut arrived = std::pin::pin!(queue.arrived.notified());
            arrived.as_mut().enable();
            let taken = self.take(name, queue, most).await?;
            if !taken.messages.is_empty() || remaining_ms == 0 {
                return Ok(taken.messages);
            }
            let sleep_ms = self.sleep_ms(queue, taken.next_due, remaining_ms);
            let began = self.clock.now();
            tokio::select! {
                () = arrived => {
                    remaining_ms = remaining_ms.saturating_sub(self.clock.now().millis_since(began));
                }
                () = pause(sleep_ms) => remaining_ms = remaining_ms.saturating_sub(sleep_ms),
            }
        }
    }

    async fn delete(&self, name: QueueName, receipts: &[Receipt]) -> Result<(), PortError> {
        let deliveries: Vec<Delivery> = receipts.iter().filter_map(Delivery::from_receipt).collect();
        if deliveries.is_empty() {
            return Ok(());
        }
        let attempted = format!("delete {} messages from queue {name}", deliveries.len());
        self.database
            .write_relaxed(attempted, move |connection| {
                deliveries
                    .iter()
                    .try_for_each(|delivery| steering::delete(connection, name.as_str(), *delivery))
            })
            .await
    }

    async fn depth(&self, name: QueueName) -> Result<QueueDepth, PortError> {
        let (policy, now) = (self.queue(name)?.policy, self.clock.now());
        self.database
            .read(format!("count the messages of queue {name}"), move |connection| {
                steering::depth(connection, name.as_str(), policy, now)
            })
            .await
    }

    async fn oldest_sent_at(&self, name: QueueName) -> Result<Option<Timestamp>, PortError> {
        let (policy, now) = (self.queue(name)?.policy, self.clock.now());
        self.database
            .read(format!("look for the oldest message of queue {name}"), move |connection| {
                steering::oldest_sent_at(connection, name.as_str(), policy, now)
            })
            .await
    }
}

/// The bounds of SQS, so that what works here works there.
fn check(name: QueueName, message: &OutgoingMessage) -> Result<(), PortError> {
    message.check().map_err(|rule| {
        PortError::caused(ErrorKind::Invalid, format!("send a message to queue {name}"), rule)
    })
}

/// The same error for another entry.
fn again(error: &PortError) -> PortError {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    PortError::caused(error.kind, error.attempted.clone(), cause).with_retry_after_ms(error.retry_after_ms)
}
