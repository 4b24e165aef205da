//! What an operator does about dead letters: puts them back on their queues.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail")]

use futures::FutureExt as _;
use millrace_domain::{DocumentKey, JobEnvelope, QueueName};
use millrace_ports::Redrive;

use crate::scheduler::Scheduler;
use crate::world::World;

/// Most dead letters of one redrive; more than a run has.
const LETTERS_MAX: usize = 1_000;

/// Puts the dead letters of a queue back.
pub(crate) fn redrive(world: &World, queue: QueueName, scheduler: &Scheduler) {
    let listing = world.dead_letters.list(queue, None, LETTERS_MAX);
    let page = listing.now_or_never().expect("memory does not wait").expect("memory does not fail");
    if page.letters.is_empty() {
        return;
    }
    for letter in &page.letters {
        scheduler.note(|| format!("  redrive {queue} {}", letter.message_id));
    }
    let redrive = |letter: millrace_ports::DeadLetter| Redrive { message_id: letter.message_id, delay_ms: 0 };
    let letters: Vec<_> = page.letters.into_iter().map(redrive).collect();
    let moving = world.dead_letters.redrive(queue, &letters);
    moving.now_or_never().expect("memory does not wait").expect("memory does not fail");
}

/// The documents that dead letters of a queue are about.
pub(crate) fn dead_documents(world: &World, queue: QueueName) -> Vec<DocumentKey> {
    let listing = world.dead_letters.list(queue, None, LETTERS_MAX);
    let page = listing.now_or_never().expect("memory does not wait").expect("memory does not fail");
    let key = |body: &str| Some(serde_json::from_str::<JobEnvelope>(body).ok()?.key());
    page.letters.into_iter().filter_map(|letter| key(&letter.body)).collect()
}
