//! `SqsDeadLetters`: what the dead-letter queues hold, and its way back. Named letters are sent to their queue and then
//! deleted, in this order; all of them are moved by SQS itself.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    DEAD_LETTER_CODE, DEAD_LETTER_REASON, DEAD_LETTERS_PAGE_MAX, DELAY_MS_MAX, DeadLetter, DeadLetterPage,
    DeadLetters, ErrorKind, OutgoingMessage, PortError, REDRIVE_MAX, Receipt, ReceivedMessage, Redrive,
};

use super::failure::failure;
use super::message::dead_letter;
use super::queues::{Queues, SqsQueueUrls, SqsQueues};

/// Fastest rate of a message move task, as SQS has it.
const MOVES_PER_SECOND_MAX: u32 = 500;
/// What servers answer that do not know an action.
const UNKNOWN_ACTION: &[&str] = &["InvalidAction", "UnknownOperationException"];

/// The dead letters of job queues on SQS. Clones share the connection.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    queues: Queues,
}

impl SqsDeadLetters {
    /// The queues at these addresses.
    pub fn new(client: Client, urls: SqsQueues) -> Self {
        Self { queues: Queues { client, urls } }
    }

    /// Sends letters to their queue, then deletes those that were sent. Gives their ids, and the first failure.
    async fn move_held(
        &self,
        urls: &SqsQueueUrls,
        letters: Vec<(ReceivedMessage, u64)>,
    ) -> (Vec<String>, Result<(), PortError>) {
        let outgoing = letters.iter().map(|(letter, delay_ms)| redriven(letter, *delay_ms)).collect();
        let sent = self.queues.send_all(&urls.queue, outgoing).await;
        let (mut moved, mut receipts, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcome = Ok(());
        for ((letter, _), sent) in letters.into_iter().zip(sent) {
            match sent {
                Ok(()) => {
                    moved.push(letter.message_id);
                    receipts.push(letter.receipt);
                }
                Err(error) => {
                    kept.push(letter.receipt);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        self.queues.put_back(&urls.dead_letters, kept).await;
        let deleted = self.queues.delete_all(&urls.dead_letters, &receipts).await;
        (moved, outcome.and(deleted))
    }

    /// Moves what a look sees, for servers that speak SQS and know no move tasks. What would have to wait longer than a
    /// message can, stays.
    async fn move_seen(&self, urls: &SqsQueueUrls, rate: Option<NonZeroU32>) -> Result<u64, PortError> {
        let held = self.queues.hold_all(&urls.dead_letters, |_| false).await?;
        let delay_ms = |place: usize| rate.map_or(0, |rate| place as u64 * 1_000 / u64::from(rate.get()));
        let (mut chosen, mut others) = (Vec::new(), Vec::new());
        for (place, message) in held.into_iter().enumerate() {
            match delay_ms(place) {
                delay_ms if delay_ms <= DELAY_MS_MAX => chosen.push((message, delay_ms)),
                _ => others.push(message.receipt),
            }
        }
        self.queues.put_back(&urls.dead_letters, others).await;
        let (moved, outcome) = self.move_held(urls, chosen).await;
        outcome.map(|()| moved.len() as u64)
    }

    /// How many lie there, about.
    async fn count(&self, url: &str) -> Result<u64, PortError> {
        let [count] = self.queues.counts(url, [QueueAttributeName::ApproximateNumberOfMessages]).await?;
        Ok(count)
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    /// Each page looks at the whole queue anew, which takes a second at least. Of more than 10,000 letters it sees some.
    async fn list(
        &self,
        queue: QueueName,
        after: Option<&str>,
        most: usize,
    ) -> Result<DeadLetterPage, PortError> {
        let after = after.map(|cursor| Place::of(queue, cursor)).transpose()?;
        let url = &self.queues.urls(queue)?.dead_letters;
        let held = self.queues.hold_all(url, |_| false).await?;
        self.queues.put_back(url, held.iter().map(|message| message.receipt.clone()).collect()).await;
        let most = most.clamp(1, DEAD_LETTERS_PAGE_MAX);
        let mut behind =
            held.into_iter().filter(|message| after.as_ref().is_none_or(|after| *after < Place::at(message)));
        let page: Vec<ReceivedMessage> = behind.by_ref().take(most).collect();
        let next = page.last().filter(|_| behind.next().is_some()).map(|last| Place::at(last).to_string());
        let letters: Vec<DeadLetter> = page.into_iter().map(dead_letter).collect();
        Ok(DeadLetterPage { letters, next })
    }

    async fn redrive(&self, queue: QueueName, letters: &[Redrive]) -> Result<Vec<String>, PortError> {
        let attempted = format!("redrive {} dead letters of queue {queue}", letters.len());
        if letters.len() > REDRIVE_MAX || letters.iter().any(|letter| letter.delay_ms > DELAY_MS_MAX) {
            return Err(PortError::new(ErrorKind::Invalid, attempted));
        }
        let urls = self.queues.urls(queue)?;
        let wanted: BTreeMap<&str, u64> =
            letters.iter().map(|letter| (letter.message_id.as_str(), letter.delay_ms)).collect();
        let found_all =
            |held: &BTreeMap<String, ReceivedMessage>| wanted.keys().all(|id| held.contains_key(*id));
        let held = self.queues.hold_all(&urls.dead_letters, found_all).await?;
        let (mut chosen, mut others): (Vec<_>, Vec<Receipt>) = (Vec::new(), Vec::new());
        for message in held {
            match wanted.get(message.message_id.as_str()) {
                Some(delay_ms) => chosen.push((message, *delay_ms)),
                None => others.push(message.receipt),
            }
        }
        self.queues.put_back(&urls.dead_letters, others).await;
        let (moved, outcome) = self.move_held(urls, chosen).await;
        outcome.map(|()| moved)
    }

    async fn redrive_all(
        &self,
        queue: QueueName,
        max_per_second: Option<NonZeroU32>,
    ) -> Result<u64, PortError> {
        let urls = self.queues.urls(queue)?;
        let count = self.count(&urls.dead_letters).await?;
        let ([source], [destination]) = futures::try_join!(
            self.queues.attributes(&urls.dead_letters, [QueueAttributeName::QueueArn]),
            self.queues.attributes(&urls.queue, [QueueAttributeName::QueueArn]),
        )?;
        let rate = max_per_second.map(|rate| rate.get().min(MOVES_PER_SECOND_MAX).cast_signed());
        // The destination is named: of a letter that a worker gave up itself, SQS does not know where it came from.
        let start =
            self.queues.client.start_message_move_task().source_arn(source).destination_arn(destination);
        let started = start.set_max_number_of_messages_per_second(rate).send().await;
        let Err(error) = started else { return Ok(count) };
        if error.code().is_some_and(|code| UNKNOWN_ACTION.contains(&code)) {
            return self.move_seen(urls, max_per_second).await;
        }
        let is_running = error.message().is_some_and(|message| message.contains("already a task running"));
        let failed = failure(error, format!("redrive all dead letters of queue {queue}"));
        Err(if is_running {
            PortError::caused(ErrorKind::Conflict, failed.attempted.clone(), failed)
        } else {
            failed
        })
    }
}

/// A letter on its way back. One that SQS gave up by itself says so from now on, for its worker knows it by that; if it has no
/// room for it, it goes as it is.
fn redriven(letter: &ReceivedMessage, delay_ms: u64) -> OutgoingMessage {
    let ReceivedMessage { body, group, attributes, .. } = letter.clone();
    let unmarked = OutgoingMessage { body, group, delay_ms, attributes };
    if letter.is_redriven() {
        return unmarked;
    }
    let letter = dead_letter(letter.clone());
    let mut marked = unmarked.clone();
    marked.attributes.insert(DEAD_LETTER_CODE.to_owned(), letter.code().to_owned());
    marked.attributes.insert(DEAD_LETTER_REASON.to_owned(), letter.reason().to_owned());
    if marked.check().is_ok() { marked } else { unmarked }
}

/// Where a letter stands among the others; a cursor is one as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    sent_at: Timestamp,
    message_id: String,
}

impl Place {
    fn at(message: &ReceivedMessage) -> Self {
        Self { sent_at: message.sent_at, message_id: message.message_id.clone() }
    }

    fn of(queue: QueueName, cursor: &str) -> Result<Self, PortError> {
        let place = cursor.split_once('.').and_then(|(sent_ms, message_id)| {
            Some(Self {
                sent_at: Timestamp::from_millis(sent_ms.parse().ok()?),
                message_id: message_id.to_owned(),
            })
        });
        let invalid =
            || PortError::new(ErrorKind::Invalid, format!("go on in the dead letters of queue {queue}"));
        place.filter(|place| !place.message_id.is_empty()).ok_or_else(invalid)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.sent_at.as_millis(), self.message_id)
    }
}
