//! The writer thread: takes the writes that wait, commits them as a group, answers. Small interactive writes go
//! before bulk ones, and no group grows beyond what an acknowledgement can wait for.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::checkpoint::{Checkpointer, Schedule};
use super::transaction::{Task, commit_together};

/// Most writes of one group.
const GROUP_WRITES_MAX: usize = 512;
/// Work after which a group is committed, however many wait. One write in it may take longer.
const GROUP_WORK_MAX: Duration = Duration::from_millis(5);
/// The same for a group of bulk writes: shorter, because an interactive write that arrives meanwhile waits for it.
const BULK_WORK_MAX: Duration = Duration::from_millis(2);
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
    /// Starts the thread on a connection that writes; `checkpoints` is another one to the same file.
    pub(super) fn start(mut connection: Connection, checkpoints: Connection) -> Result<Self, PortError> {
        let inbox = Arc::new(Inbox::default());
        let told = Arc::clone(&inbox);
        let done = move || {
            told.lock().rest_left = true;
            told.arrived.notify_one();
        };
        let checkpointer = Arc::new(Checkpointer::start(&mut connection, checkpoints, done)?);
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
    /// The log is full: bulk writes wait until the checkpoint is finished.
    bulk_held: bool,
    /// The checkpoint thread is done, and the writer is to finish.
    rest_left: bool,
    closed: bool,
}

/// What the writer does next.
enum Next {
    Commit,
    FinishCheckpoint,
    Stop,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of tasks is sound whatever panicked while it was locked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do.
    fn wait(&self, log_full: bool, log_too_long: bool) -> Next {
        let mut waiting = self.lock();
        waiting.bulk_held = log_full;
        loop {
            if waiting.rest_left && (waiting.interactive.is_empty() || log_too_long) {
                waiting.rest_left = false;
                return Next::FinishCheckpoint;
            }
            if !waiting.interactive.is_empty() || (!waiting.bulk.is_empty() && !waiting.bulk_held) {
                return Next::Commit;
            }
            if waiting.closed && waiting.bulk.is_empty() {
                return Next::Stop;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
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
    #[expect(
        clippy::disallowed_methods,
        reason = "bounds how long a group's callers wait; nothing is decided by it"
    )]
    fn new(bulk_first: bool) -> Self {
        Self { started: Instant::now(), writes: 0, interactive: false, bulk_first }
    }

    /// Interactive writes first; bulk ones only into a group in which nobody waits for an acknowledgement, or as
    /// the first of it when they were passed over too often.
    fn next(&mut self, inbox: &Inbox) -> Option<Box<dyn Task>> {
        let worked = if self.writes == 0 { Duration::ZERO } else { self.started.elapsed() };
        if self.writes >= GROUP_WRITES_MAX || worked >= GROUP_WORK_MAX {
            return None;
        }
        let mut waiting = inbox.lock();
        let overdue = self.bulk_first && self.writes == 0 && !waiting.bulk_held;
        if let Some(task) = if overdue { waiting.bulk.pop_front() } else { None } {
            self.writes += 1;
            return Some(task);
        }
        let mut task = waiting.interactive.pop_front();
        if task.is_some() {
            self.interactive = true;
        } else if !self.interactive && !waiting.bulk_held && worked < BULK_WORK_MAX {
            task = waiting.bulk.pop_front();
        }
        self.writes += usize::from(task.is_some());
        task
    }
}

fn run(connection: &Connection, inbox: &Inbox, checkpointer: &Checkpointer) {
    let mut schedule = Schedule::default();
    let mut passed_over = 0;
    loop {
        match inbox.wait(schedule.is_log_full(checkpointer), schedule.is_log_too_long(checkpointer)) {
            Next::Stop => return,
            Next::FinishCheckpoint => schedule.finish(connection, checkpointer),
            Next::Commit => {
                let mut group = Group::new(passed_over >= INTERACTIVE_GROUPS_MAX);
                commit_together(connection, || group.next(inbox));
                passed_over = if group.interactive && !group.bulk_first { passed_over + 1 } else { 0 };
                schedule.after_commit(checkpointer);
            }
        }
    }
}
