//! What must hold of messages: none is received while it is hidden, each delivery is counted, waits grow with the attempts
//! that failed, and what was given up says why and is moved when it is put back.

use std::collections::{BTreeMap, BTreeSet};

use millrace_domain::{
    Document, DocumentEvent, DocumentKey, ErrorCode, Job, JobEnvelope, QueueName, Status, TenantId,
};
use millrace_ports::{
    DEAD_LETTER_CODE, DeadLetter, DeadLetterCode, OutgoingMessage, Receipt, ReceivedMessage, StepKey,
};
use serde_json::Value;

use super::answers::Wish;
use super::{Memory, Witness};
use crate::label::Label;

/// After so many receives a message is given up.
const RECEIVES_MAX: u32 = 10;
/// The waits after the first, second, ... attempt, in milliseconds, before a quarter more or less.
const WAITS_MS: [u64; 5] = [1_000, 5_000, 30_000, 120_000, 600_000];

/// The shortest wait of what is postponed, in milliseconds.
const POSTPONED_MS_MIN: u64 = 200;

/// A message as it was last delivered.
#[derive(Debug, Clone)]
struct Delivered {
    receipt: Receipt,
    times: u32,
    hidden_until: i64,
    body: String,
    redriven: bool,
    /// The tasks that have put it off.
    put_off: BTreeSet<Label>,
    /// Deleted, or given up.
    ended: bool,
}

/// A message as it was sent: its queue, its body, and when. What is the same in all of it is told apart by nobody.
type Sent = (QueueName, String, i64);

/// What a request may put back: whose letters, and, if it names one, about which document.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    pub(crate) tenant: TenantId,
    pub(crate) document: Option<DocumentKey>,
    pub(crate) dry_run: bool,
}

/// All messages of a run.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Until when those that were sent stay hidden at least.
    sent: BTreeMap<Sent, i64>,
    /// Dead letters that were put back.
    put_back: BTreeSet<Sent>,
    delivered: BTreeMap<(QueueName, String), Delivered>,
    receipts: BTreeMap<(QueueName, String), String>,
    /// Why messages were given up.
    buried: BTreeMap<(QueueName, String), (DeadLetterCode, String)>,
    /// Redriven messages that were postponed: copies of them were sent.
    copied: BTreeSet<(QueueName, String)>,
    /// What requests may put back.
    permits: BTreeMap<Label, Permit>,
    /// How many events a document had when a dead letter of it, as it failed, was put back.
    tried_again: BTreeMap<DocumentKey, usize>,
}

impl Witness {
    /// A message was sent.
    pub(crate) fn sent(&self, queue: QueueName, message: &OutgoingMessage) {
        let now = self.scheduler.now();
        let visible_at = now.saturating_add(i64::try_from(message.delay_ms).unwrap_or(i64::MAX));
        let mut memory = self.lock();
        let hidden = memory.deliveries.sent.entry((queue, message.body.clone(), now)).or_insert(visible_at);
        *hidden = visible_at.min(*hidden);
    }

    /// Messages were received, and stay hidden from now on.
    pub(crate) fn received(&self, queue: QueueName, messages: &[ReceivedMessage], hidden_ms: u64) {
        let now = self.scheduler.now();
        let mut memory = self.lock();
        for message in messages {
            memory.delivered(queue, message, now, hidden_ms);
        }
    }

    /// A message was hidden by the worker that has it.
    pub(crate) fn hidden(&self, queue: QueueName, receipt: &Receipt, delay_ms: u64) {
        let (now, by) = (self.scheduler.now(), self.scheduler.current());
        let mut memory = self.lock();
        let slot = (queue, receipt.0.clone());
        let Some(id) = memory.deliveries.receipts.get(&slot).cloned() else { return };
        let Some(delivered) = memory.deliveries.delivered.get_mut(&(queue, id)) else { return };
        if delivered.receipt == *receipt {
            delivered.hidden_until = now + delay_ms as i64;
            delivered.put_off.extend(by);
        }
        let delivered = delivered.clone();
        if let Some(by) = by.filter(|_| !delivered.redriven) {
            memory.check_wait(&delivered, delay_ms, by);
        }
    }

    /// An invocation is repeated: each of its messages that is redriven may leave two copies that are.
    pub(crate) fn repeated(&self, messages: &[ReceivedMessage]) {
        let mut memory = self.lock();
        messages.iter().for_each(|message| memory.may_retry_again(message));
    }

    /// Whether a task has put a message off; or somebody else was done with it, or has it by now.
    pub(crate) fn is_put_off(&self, queue: QueueName, message: &ReceivedMessage, by: Label) -> bool {
        let memory = self.lock();
        let delivered = memory.deliveries.delivered.get(&(queue, message.message_id.clone()));
        delivered.is_some_and(|delivered| {
            delivered.put_off.contains(&by) || delivered.ended || delivered.receipt != message.receipt
        })
    }

    /// A message was sent anew to be worked on later.
    pub(crate) fn postponed(&self, queue: QueueName, message: &OutgoingMessage) {
        let waits = message.delay_ms >= POSTPONED_MS_MIN;
        let line = || format!("{queue} {} after {} ms", message.body, message.delay_ms);
        let mut memory = self.lock();
        memory.hold("G9", "what is postponed waits", waits, line);
        if message.attributes.contains_key(DEAD_LETTER_CODE) {
            memory.deliveries.copied.insert((queue, message.body.clone()));
        }
    }

    /// A message was given up by the worker that has it.
    pub(crate) fn buried(&self, queue: QueueName, message_id: &str, code: DeadLetterCode, reason: &str) {
        let mut memory = self.lock();
        let slot = (queue, message_id.to_owned());
        let says = !reason.is_empty();
        memory.hold("G8", "what is given up says why", says, || format!("{queue} {message_id} {code}"));
        if let Some(delivered) = memory.deliveries.delivered.get_mut(&slot) {
            delivered.ended = true;
        }
        memory.deliveries.buried.insert(slot, (code, reason.to_owned()));
    }

    /// How many of these receipts are good: their messages have not been received again since. `None` if that cannot be
    /// told of one, for it may have been given up by the queue.
    pub(crate) fn good_receipts(&self, queue: QueueName, receipts: &[Receipt]) -> Option<u64> {
        let memory = self.lock();
        let mut good = BTreeSet::new();
        for receipt in receipts {
            let id = memory.deliveries.receipts.get(&(queue, receipt.0.clone()))?;
            let delivered = memory.deliveries.delivered.get(&(queue, id.clone()))?;
            if delivered.times >= RECEIVES_MAX {
                return None;
            }
            if delivered.receipt == *receipt && !delivered.ended {
                good.insert(id);
            }
        }
        Some(good.len() as u64)
    }

    /// Messages were deleted, if these receipts were good.
    pub(crate) fn deleted(&self, queue: QueueName, receipts: &[Receipt], exact: bool) {
        let mut memory = self.lock();
        memory
            .hold("G2", "a receipt deletes what it was given for", exact, || format!("{queue} {receipts:?}"));
        for receipt in receipts {
            let Some(id) = memory.deliveries.receipts.get(&(queue, receipt.0.clone())).cloned() else {
                continue;
            };
            let delivered = memory.deliveries.delivered.get_mut(&(queue, id));
            if let Some(delivered) = delivered.filter(|delivered| delivered.receipt == *receipt) {
                delivered.ended = true;
            }
        }
    }

    /// A dead letter as somebody sees it.
    pub(crate) fn dead(&self, queue: QueueName, letter: &DeadLetter) {
        let mut memory = self.lock();
        let why = memory.deliveries.buried.get(&(queue, letter.message_id.clone())).cloned();
        let same = match &why {
            Some((code, reason)) => letter.code() == code.as_str() && letter.reason() == reason,
            None => {
                let worn = letter.code() == DeadLetterCode::ReceivedTooOften.as_str();
                worn && letter.receive_count == RECEIVES_MAX
            }
        };
        memory.hold("G8", "a dead letter says why it died", same, || {
            format!("{queue} {} {} {}, {why:?}", letter.message_id, letter.code(), letter.receive_count)
        });
    }

    /// A request is about to put dead letters back.
    pub(crate) fn permits(&self, request: Label, permit: Permit) {
        self.lock().deliveries.permits.insert(request, permit);
    }

    /// A dead letter was put back, and is to be hidden for so long. Its document will be tried again.
    pub(crate) fn put_back(&self, queue: QueueName, letter: &DeadLetter, delay_ms: u64) {
        let (now, by) = (self.scheduler.now(), self.scheduler.current());
        let job = serde_json::from_str::<JobEnvelope>(&letter.body).ok();
        let mut memory = self.lock();
        let permit = by.and_then(|by| memory.deliveries.permits.get(&by).cloned());
        let within = permit.is_none_or(|permit| permit.covers(letter, job.as_ref()));
        memory.hold("G7", "a redrive moves what was asked for", within, || format!("{queue} {letter:?}"));
        let sent = (queue, letter.body.clone(), now);
        memory.deliveries.sent.insert(sent.clone(), now + delay_ms as i64);
        memory.deliveries.put_back.insert(sent);
        let Some(job) = job else { return };
        let key = job.key();
        memory.wish(&key, Wish::Retry);
        let events = memory.stories.get(&key).filter(|story| died_with(&story.document, &job.job));
        if let Some(events) = events.map(|story| story.history.len()) {
            memory.deliveries.tried_again.insert(key, events);
        }
    }

    /// Everything has come to rest: what was put back had an effect, unless it was lost, or died anew.
    pub(crate) fn redriven_settled(&self, dead: &BTreeSet<DocumentKey>) {
        let mut memory = self.lock();
        for (key, events) in memory.deliveries.tried_again.clone() {
            let Some(story) = memory.stories.get(&key) else { continue };
            let since = story.history.iter().skip(events);
            let tried = since.map(|envelope| &envelope.event).any(begins_anew);
            let tried = tried || story.littered || dead.contains(&key);
            memory.hold("G1", "a dead letter that is put back tries its document again", tried, || {
                key.document_id.to_string()
            });
        }
    }
}

impl Memory {
    fn delivered(&mut self, queue: QueueName, message: &ReceivedMessage, now: i64, hidden_ms: u64) {
        let slot = (queue, message.message_id.clone());
        let line = || format!("{queue} {} received {} times", message.message_id, message.receive_count);
        let before = self.deliveries.delivered.get(&slot).cloned();
        let sent = (queue, message.body.clone(), message.sent_at.as_millis());
        let times = before.as_ref().map_or(0, |before| before.times);
        let due = match &before {
            Some(before) => Some(before.hidden_until),
            None => self.deliveries.sent.get(&sent).copied(),
        };
        let visible = due.is_none_or(|due| due <= now);
        self.hold("G9", "a message that waits is not received", visible, line);
        let counted = message.receive_count == times + 1;
        self.hold("G8", "every delivery of a message is counted", counted, line);
        let permitted = message.receive_count <= RECEIVES_MAX;
        self.hold("G8", "a message is received as often as is permitted", permitted, line);
        if before.is_none() && self.deliveries.put_back.contains(&sent) {
            let known = message.is_redriven();
            self.hold("G1", "a dead letter that is put back is known as one", known, line);
        }
        if before.is_some() && self.deliveries.copied.contains(&(queue, message.body.clone())) {
            self.may_retry_again(message);
        }
        let alive = before.as_ref().is_none_or(|before| !before.ended);
        self.hold("G2", "what was deleted does not come again", alive, line);
        let delivered = Delivered {
            receipt: message.receipt.clone(),
            times: message.receive_count,
            hidden_until: now + hidden_ms as i64,
            body: message.body.clone(),
            redriven: message.is_redriven(),
            put_off: before.map(|before| before.put_off).unwrap_or_default(),
            ended: false,
        };
        self.deliveries.delivered.insert(slot, delivered);
        let receipt = (queue, message.receipt.0.clone());
        self.deliveries.receipts.insert(receipt, message.message_id.clone());
    }

    /// A redriven message whose copy was sent comes again itself: both are redriven then, each once.
    fn may_retry_again(&mut self, message: &ReceivedMessage) {
        if let Ok(job) = serde_json::from_str::<JobEnvelope>(&message.body)
            && message.is_redriven()
        {
            self.wish(&job.key(), Wish::Retry);
        }
    }

    /// A job that comes back after a failed attempt at its step waits as that attempt has it; or, failing before it had a
    /// claim, as its deliveries have it.
    fn check_wait(&mut self, delivered: &Delivered, delay_ms: u64, by: Label) {
        let Ok(job) = serde_json::from_str::<JobEnvelope>(&delivered.body) else { return };
        let key = job.key();
        let Some(retry) = self.stories.get(&key).map(|story| story.document.retries) else { return };
        let step = match &job.job {
            Job::IngestDocument { generation } => StepKey::ingest(&key, *generation, retry),
            Job::EmbedChunks { generation, batch } => StepKey::embed(&key, *generation, retry, *batch),
            Job::ReembedBatch { .. } | Job::PurgeGeneration { .. } | Job::PurgeDocument {} => return,
        };
        // One whose append had its effect and lost its answer gave nothing up.
        let last = self.leases.last_attempt(&step);
        let Some(attempts) = self.leases.given_up(&step, by) else { return };
        let attempt = attempts.iter().position(|attempt| is_wait_after(*attempt, delay_ms));
        let grown = attempt.map(|at| attempts.remove(at)).is_some()
            || [last, delivered.times].into_iter().any(|attempt| is_wait_after(attempt, delay_ms));
        self.hold("G1", "the wait grows with the attempts that failed", grown, || {
            format!("{}: {delay_ms} ms", step.as_str())
        });
    }
}

impl Permit {
    fn covers(&self, letter: &DeadLetter, job: Option<&JobEnvelope>) -> bool {
        let event = || serde_json::from_str::<Value>(&letter.body).unwrap_or_default();
        let mine = match job {
            Some(job) => job.tenant_id == self.tenant,
            None => {
                event()["detail"]["tenant_id"].as_str().is_none_or(|tenant| tenant == self.tenant.as_str())
            }
        };
        let named = self.document.as_ref().is_none_or(|named| job.is_some_and(|job| job.key() == *named));
        mine && named && !self.dry_run
    }
}

/// Whether the wait is that after an attempt.
fn is_wait_after(attempt: u32, delay_ms: u64) -> bool {
    let wait_ms = WAITS_MS[(attempt.max(1) as usize - 1).min(WAITS_MS.len() - 1)];
    (wait_ms - wait_ms / 4..=wait_ms + wait_ms / 4).contains(&delay_ms)
}

/// Whether a failed document goes on from here, or goes.
fn begins_anew(event: &DocumentEvent) -> bool {
    matches!(
        event,
        DocumentEvent::IngestionRetried(_)
            | DocumentEvent::DocumentUploaded(_)
            | DocumentEvent::DeletionRequested(_)
    )
}

/// Whether a document failed for good with a job of its current generation.
fn died_with(document: &Document, job: &Job) -> bool {
    let dead = document.failure.as_ref().is_some_and(|failure| failure.error_code == ErrorCode::DeadLettered);
    let of = match job {
        Job::IngestDocument { generation } | Job::EmbedChunks { generation, .. } => Some(*generation),
        Job::ReembedBatch { .. } | Job::PurgeGeneration { .. } | Job::PurgeDocument {} => None,
    };
    document.status == Status::Failed && dead && of == Some(document.generation)
}
