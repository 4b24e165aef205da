//! Puts dead letters back to work. It moves messages and nothing else: the worker that receives one knows it by its
//! attributes (`DeadLetters::redrive_all` has an exception), retries the document that failed with it, and goes on from what is
//! there. So a crash in between loses
//! nothing (the letter or the message is there, or both), and a redrive that is repeated finds nothing left to move.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use millrace_domain::QueueName;
use millrace_ports::{DELAY_MS_MAX, DeadLetters, ErrorKind, PortError, REDRIVE_MAX, Redrive};

use crate::dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterScope};
use crate::dead_letter_scan::{queues, scan};

/// What is to be redriven, and how.
#[derive(Debug, Clone)]
pub struct RedriveRequest {
    /// Whose letters may be touched.
    pub scope: DeadLetterScope,
    /// Which.
    pub filter: DeadLetterFilter,
    /// Only say which it would be.
    pub dry_run: bool,
    /// At most so many messages of each queue are delivered in a second; without it, as fast as the workers take them.
    pub max_per_second: Option<NonZeroU32>,
}

/// What a redrive did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveReport {
    /// How many letters match.
    pub matched: u64,
    /// How many were moved, or would be; about so many where a queue moves them by itself.
    pub moved: u64,
    /// The letters in question, oldest first; of a move of whole queues the oldest `REDRIVE_MAX`.
    pub letters: Vec<DeadLetterEntry>,
    /// How long it takes until the last of them is delivered, in milliseconds, by the rate asked for.
    pub lasting_ms: u64,
    /// Whether letters that match were left: beyond what one redrive moves, or beyond what was looked at. Another
    /// redrive goes on with them.
    pub more: bool,
}

/// Why letters were not redriven, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// A queue is still being redriven as a whole.
    #[error("an earlier redrive of queue {queue} still runs")]
    StillRunning {
        /// Which.
        queue: QueueName,
    },
    /// A port failed.
    #[error("port failed")]
    Port(#[source] PortError),
}

impl From<PortError> for RedriveError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// The use case.
#[derive(Debug, Clone)]
pub struct RedriveDeadLetters {
    letters: Arc<dyn DeadLetters>,
}

impl RedriveDeadLetters {
    /// Redriving these.
    pub fn new(letters: Arc<dyn DeadLetters>) -> Self {
        Self { letters }
    }

    /// Redrives what matches. Named and filtered letters are moved one by one, a bounded number at a time; whole queues
    /// are left to the queues, which know faster ways.
    pub async fn run(&self, request: &RedriveRequest) -> Result<RedriveReport, RedriveError> {
        let RedriveRequest { scope, filter, dry_run, max_per_second } = request;
        let scanned = scan(&self.letters, scope, filter).await?;
        let matched = scanned.entries.len() as u64;
        let whole = *scope == DeadLetterScope::Everything && filter.takes_whole_queues();
        let mut turns = turns(scanned.entries, *max_per_second);
        if !whole {
            turns.retain(|turn| turn.delay_ms <= DELAY_MS_MAX);
            turns.truncate(REDRIVE_MAX);
        }
        let more = (turns.len() as u64) < matched || !(whole || scanned.complete);
        let lasting_ms = turns.iter().map(|turn| turn.delay_ms).max().unwrap_or(0);
        let moved = match (dry_run, whole) {
            (true, _) => turns.len() as u64,
            (false, true) => self.move_queues(filter, *max_per_second).await?,
            (false, false) => {
                turns = self.move_letters(turns).await?;
                turns.len() as u64
            }
        };
        turns.truncate(REDRIVE_MAX);
        let letters = turns.into_iter().map(|turn| turn.entry).collect();
        tracing::info!(matched, moved, dry_run, lasting_ms, "dead letters redriven");
        Ok(RedriveReport { matched, moved, letters, lasting_ms, more })
    }

    async fn move_queues(
        &self,
        filter: &DeadLetterFilter,
        max_per_second: Option<NonZeroU32>,
    ) -> Result<u64, RedriveError> {
        let mut moved = 0;
        for queue in queues(filter) {
            moved += match self.letters.redrive_all(queue, max_per_second).await {
                Err(error) if error.kind == ErrorKind::Conflict => {
                    return Err(RedriveError::StillRunning { queue });
                }
                other => other?,
            };
        }
        Ok(moved)
    }

    /// Gives the turns of those that were there to be moved.
    async fn move_letters(&self, mut turns: Vec<Turn>) -> Result<Vec<Turn>, RedriveError> {
        let mut by_queue: BTreeMap<QueueName, Vec<Redrive>> = BTreeMap::new();
        for Turn { entry, delay_ms } in &turns {
            let redrive = Redrive { message_id: entry.message_id.clone(), delay_ms: *delay_ms };
            by_queue.entry(entry.queue).or_default().push(redrive);
        }
        let mut moved = BTreeSet::new();
        for (queue, letters) in by_queue {
            let ids = self.letters.redrive(queue, &letters).await?;
            moved.extend(ids.into_iter().map(|id| (queue, id)));
        }
        turns.retain(|turn| moved.contains(&(turn.entry.queue, turn.entry.message_id.clone())));
        Ok(turns)
    }
}

/// A letter and when it is delivered.
struct Turn {
    entry: DeadLetterEntry,
    delay_ms: u64,
}

/// The turns of letters in their order, each queue at the rate.
fn turns(entries: Vec<DeadLetterEntry>, max_per_second: Option<NonZeroU32>) -> Vec<Turn> {
    let mut places: BTreeMap<QueueName, u64> = BTreeMap::new();
    let turn = |entry: DeadLetterEntry| {
        let place = places.entry(entry.queue).or_default();
        let delay_ms = max_per_second.map_or(0, |rate| *place * 1_000 / u64::from(rate.get()));
        *place += 1;
        Turn { entry, delay_ms }
    };
    entries.into_iter().map(turn).collect()
}
