//! The port for dead letters, over the rows of `SqliteJobQueue`. All a redrive needs is one transaction; a rate is kept by
//! hiding each message until its turn.

use std::num::NonZeroU32;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    DEAD_LETTERS_PAGE_MAX, DELAY_MS_MAX, DeadLetter, DeadLetterPage, DeadLetters, ErrorKind, PortError,
    REDRIVE_MAX, Redrive,
};

use rusqlite::Connection;

use super::burying::{self, Grave};
use super::sqlite_job_queue::SqliteJobQueue;

#[async_trait]
impl DeadLetters for SqliteJobQueue {
    async fn list(
        &self,
        name: QueueName,
        after: Option<&str>,
        most: usize,
    ) -> Result<DeadLetterPage, PortError> {
        let most = most.clamp(1, DEAD_LETTERS_PAGE_MAX);
        let attempted = format!("list the dead letters of queue {name}");
        let after = match after.map(str::parse) {
            None => 0,
            Some(Ok(id)) => id,
            Some(Err(_)) => return Err(PortError::caused(ErrorKind::Invalid, attempted, "not a cursor")),
        };
        let mut letters = self.letters(name, attempted, after, most + 1).await?;
        let more = letters.len() > most;
        letters.truncate(most);
        let next = letters.last().filter(|_| more).map(|letter| letter.message_id.clone());
        Ok(DeadLetterPage { letters, next })
    }

    async fn redrive(&self, name: QueueName, letters: &[Redrive]) -> Result<Vec<String>, PortError> {
        let attempted = format!("redrive {} dead letters of queue {name}", letters.len());
        if letters.len() > REDRIVE_MAX {
            let rule = format!("more than {REDRIVE_MAX} at once");
            return Err(PortError::caused(ErrorKind::Invalid, attempted, rule));
        }
        if letters.iter().any(|letter| letter.delay_ms > DELAY_MS_MAX) {
            let rule = format!("a delay of more than {DELAY_MS_MAX} ms");
            return Err(PortError::caused(ErrorKind::Invalid, attempted, rule));
        }
        let letters = letters
            .iter()
            .filter_map(|letter| Some((letter.message_id.parse().ok()?, letter.delay_ms)))
            .collect();
        let moved = self.put_back(name, attempted, letters).await?;
        Ok(moved.iter().map(i64::to_string).collect())
    }

    async fn redrive_all(
        &self,
        name: QueueName,
        max_per_second: Option<NonZeroU32>,
    ) -> Result<u64, PortError> {
        let attempted = format!("redrive all dead letters of queue {name}");
        let began = self.now();
        let (mut moved, mut after) = (0_u64, 0);
        loop {
            let letters = self.letters(name, attempted.clone(), after, REDRIVE_MAX).await?;
            // What dies again meanwhile has a younger row and is left alone.
            let ids = letters.iter().filter(|letter| letter.sent_at <= began);
            let ids: Vec<i64> = ids.filter_map(|letter| letter.message_id.parse().ok()).collect();
            let Some(last) = ids.last() else { return Ok(moved) };
            after = *last;
            let elapsed_ms = self.now().millis_since(began);
            let letters = ids.iter().zip(moved..).map(|(id, place)| {
                let due_ms = max_per_second.map_or(0, |rate| place * 1_000 / u64::from(rate.get()));
                (*id, due_ms.saturating_sub(elapsed_ms))
            });
            moved += self.put_back(name, attempted.clone(), letters.collect()).await?.len() as u64;
        }
    }
}

impl SqliteJobQueue {
    /// Removes dead letters for good; gives those that were there. It is the operator's of a single node alone, so the port
    /// does not have it.
    pub async fn discard_dead_letters(
        &self,
        name: QueueName,
        message_ids: &[String],
    ) -> Result<Vec<String>, PortError> {
        let (policy, now) = (self.queue(name)?.policy, self.now());
        let ids: Vec<i64> = message_ids.iter().filter_map(|id| id.parse().ok()).collect();
        let attempted = format!("discard {} dead letters of queue {name}", message_ids.len());
        let discard = move |connection: &Connection| {
            let grave = Grave { queue: name.as_str(), policy, now };
            let mut discarded = Vec::with_capacity(ids.len());
            for id in ids {
                if burying::discard(connection, grave, id)? {
                    discarded.push(id.to_string());
                }
            }
            Ok(discarded)
        };
        self.database.write(attempted, discard).await
    }

    async fn letters(
        &self,
        name: QueueName,
        attempted: String,
        after: i64,
        most: usize,
    ) -> Result<Vec<DeadLetter>, PortError> {
        let (policy, now) = (self.queue(name)?.policy, self.now());
        self.database
            .read(attempted, move |connection| {
                burying::list(connection, Grave { queue: name.as_str(), policy, now }, after, most)
            })
            .await
    }

    /// Puts letters back, each hidden for so long; gives those that were there.
    async fn put_back(
        &self,
        name: QueueName,
        attempted: String,
        letters: Vec<(i64, u64)>,
    ) -> Result<Vec<i64>, PortError> {
        let queue = self.queue(name)?;
        let (policy, now) = (queue.policy, self.now());
        let moved = self
            .database
            .write(attempted, move |connection| {
                let grave = Grave { queue: name.as_str(), policy, now };
                let mut moved = Vec::with_capacity(letters.len());
                for (id, delay_ms) in letters {
                    let visible_at: Timestamp = now.plus_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX));
                    if burying::redrive(connection, grave, id, visible_at)? {
                        moved.push(id);
                    }
                }
                Ok(moved)
            })
            .await?;
        self.wake(queue, moved.len());
        Ok(moved)
    }
}
