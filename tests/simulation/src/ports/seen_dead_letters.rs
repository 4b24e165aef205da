//! Dead letters whose readers and movers the witness sees: what is put back must leave the dead, and be on its queue once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::QueueName;
use millrace_ports::{
    DEAD_LETTERS_PAGE_MAX, DeadLetter, DeadLetterPage, DeadLetters, JobConsumer, PortError, Redrive,
};

use crate::scheduler::{Happening, Scheduler};
use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenDeadLetters {
    inner: Arc<dyn DeadLetters>,
    consumer: Arc<dyn JobConsumer>,
    scheduler: Arc<Scheduler>,
    witness: Arc<Witness>,
}

impl SeenDeadLetters {
    pub(crate) fn new(
        inner: Arc<dyn DeadLetters>,
        consumer: Arc<dyn JobConsumer>,
        scheduler: Arc<Scheduler>,
        witness: Arc<Witness>,
    ) -> Self {
        Self { inner, consumer, scheduler, witness }
    }

    /// All letters of a queue; more than a page has are in no run.
    async fn letters(&self, queue: QueueName) -> Result<BTreeMap<String, DeadLetter>, PortError> {
        let page = self.inner.list(queue, None, DEAD_LETTERS_PAGE_MAX).await?;
        Ok(page.letters.into_iter().map(|letter| (letter.message_id.clone(), letter)).collect())
    }

    /// Messages of a queue that are not dead.
    async fn alive(&self, queue: QueueName) -> Result<u64, PortError> {
        let depth = self.consumer.depth(queue).await?;
        Ok(depth.visible + depth.in_flight + depth.delayed)
    }

    /// After letters were put back: they were moved, not copied, and nothing else was.
    async fn check(
        &self,
        queue: QueueName,
        (before, alive): (BTreeMap<String, DeadLetter>, u64),
        moved: &BTreeSet<String>,
    ) -> Result<(), PortError> {
        let left: BTreeSet<_> = self.letters(queue).await?.into_keys().collect();
        let gone: BTreeSet<_> = before.keys().filter(|id| !left.contains(*id)).cloned().collect();
        let came = self.alive(queue).await? - alive;
        if gone != *moved || came != moved.len() as u64 {
            let found = format!("{queue}: said {moved:?}, gone {gone:?}, came {came}");
            self.witness.accuse("G2", "a redrive moves letters", found);
        }
        Ok(())
    }
}

#[async_trait]
impl DeadLetters for SeenDeadLetters {
    async fn list(
        &self,
        queue: QueueName,
        after: Option<&str>,
        most: usize,
    ) -> Result<DeadLetterPage, PortError> {
        let page = self.inner.list(queue, after, most).await?;
        page.letters.iter().for_each(|letter| self.witness.dead(queue, letter));
        Ok(page)
    }

    async fn redrive(&self, queue: QueueName, letters: &[Redrive]) -> Result<Vec<String>, PortError> {
        let before = (self.letters(queue).await?, self.alive(queue).await?);
        let moved = self.inner.redrive(queue, letters).await?;
        for id in &moved {
            let delay_ms = letters.iter().find(|letter| letter.message_id == *id).map_or(0, |l| l.delay_ms);
            if let Some(letter) = before.0.get(id) {
                self.witness.put_back(queue, letter, delay_ms);
            }
            self.scheduler.happen(Happening::Poll(queue), delay_ms);
        }
        self.check(queue, before, &moved.iter().cloned().collect()).await?;
        Ok(moved)
    }

    async fn redrive_all(&self, queue: QueueName, rate: Option<NonZeroU32>) -> Result<u64, PortError> {
        self.inner.redrive_all(queue, rate).await
    }
}
