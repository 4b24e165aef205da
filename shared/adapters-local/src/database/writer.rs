//! The writer thread: takes the writes that wait, commits them as a group, answers. Small interactive writes go
//! before bulk ones, and no group grows beyond what an acknowledgement can wait for.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::checkpoint::{Checkpointer, finish_checkpoint};
use super::errors::not_committed;
use super::transaction::{Task, commit_together};

/// Most writes of one group.
const GROUP_WRITES_MAX: usize = 512;
/// Work after which a group is committed, however many wait. One write in it may take longer.
const GROUP_WORK_MAX: Duration = Duration::from_millis(5);
/// After so many interactive groups in a row a bulk write that waits gets its turn.
const INTERACTIVE_GROUPS_MAX: u32 = 8;

/// How urgent a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for an acknowledgement.
    Interactive,
    /// A worker's output; goes when nothing interactive waits.
    Bulk,
}

/// Sends writes to the thread. Dropping it lets the thread finish what waits, and waits for that.
pub(super) struct Writer {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
    checkpointer: Arc<Checkpointer>,
}

impl Writer {
    pub(super) fn start(connection: Connection, checkpointer: Checkpointer) -> Result<Self, PortError> {
        let inbox = Arc::new(Inbox::default());
        let checkpointer = Arc::new(checkpointer);
        let (its_inbox, its_checkpointer) = (Arc::clone(&inbox), Arc::clone(&checkpointer));
        let thread = thread::Builder::new()
            .name("millrace-writer".into())
            .spawn(move || run(&connection, &its_inbox, &its_checkpointer))
            .map_err(|error| PortError::caused(ErrorKind::Unavailable, "start the writer thread", error))?;
        Ok(Self { inbox, thread: Some(thread), checkpointer })
    }

    pub(super) fn submit(&self, priority: Priority, task: Box<dyn Task>) {
        let mut waiting = self.inbox.lock();
        match priority {
            Priority::Interactive => waiting.interactive.push_back(task),
            Priority::Bulk => waiting.bulk.push_back(task),
        }
        drop(waiting);
        self.inbox.arrived.notify_one();
    }

    fn thread_id(&self) -> Option<ThreadId> {
        self.thread.as_ref().map(|thread| thread.thread().id())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.inbox.lock().closed = true;
        self.inbox.arrived.notify_one();
        // The last handle may be dropped by a closure on the thread itself, which must not wait for itself.
        if self.thread_id() != Some(thread::current().id())
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        self.checkpointer.stop();
    }
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    interactive: VecDeque<Box<dyn Task>>,
    bulk: VecDeque<Box<dyn Task>>,
    closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of tasks is sound whatever panicked while it was locked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do; false once there never will be.
    fn wait(&self) -> bool {
        let mut waiting = self.lock();
        loop {
            if !waiting.interactive.is_empty() || !waiting.bulk.is_empty() {
                return true;
            }
            if waiting.closed {
                return false;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_idle(&self) -> bool {
        let waiting = self.lock();
        waiting.interactive.is_empty() && waiting.bulk.is_empty()
    }
}

/// Picks the writes of one group.
struct Group {
    started: Instant,
    writes: usize,
    interactive: bool,
    bulk_first: bool,
}

impl Group {
    #[expect(clippy::disallowed_methods, reason = "bounds how long a group's callers wait; nothing is decided by it")]
    fn new(bulk_first: bool) -> Self {
        Self { started: Instant::now(), writes: 0, interactive: false, bulk_first }
    }

    /// Interactive writes first; bulk ones only into a group in which nobody waits for an acknowledgement, or as
    /// the first of it when they were passed over too often.
    fn next(&mut self, inbox: &Inbox) -> Option<Box<dyn Task>> {
        if self.writes >= GROUP_WRITES_MAX || (self.writes > 0 && self.started.elapsed() >= GROUP_WORK_MAX) {
            return None;
        }
        let mut waiting = inbox.lock();
        let overdue = if self.bulk_first && self.writes == 0 { waiting.bulk.pop_front() } else { None };
        let task = match overdue.or_else(|| waiting.interactive.pop_front().inspect(|_| self.interactive = true)) {
            None if !self.interactive => waiting.bulk.pop_front(),
            task => task,
        };
        self.writes += usize::from(task.is_some());
        task
    }
}

fn run(connection: &Connection, inbox: &Inbox, checkpointer: &Checkpointer) {
    let mut passed_over = 0;
    while inbox.wait() {
        let mut group = Group::new(passed_over >= INTERACTIVE_GROUPS_MAX);
        commit_together(connection, || group.next(inbox));
        passed_over = if group.interactive && !group.bulk_first { passed_over + 1 } else { 0 };
        checkpointer.after_commit();
        if checkpointer.wants_finish(inbox.is_idle()) {
            finish_checkpoint(connection, checkpointer);
        }
    }
    let mut waiting = inbox.lock();
    for task in waiting.interactive.drain(..) {
        task.settle(Err(not_committed("the database was closed")));
    }
}
