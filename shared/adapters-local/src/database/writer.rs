//! The writer thread: takes the writes that wait, commits them as a group, answers. Small writes go before bulk ones, no
//! group grows beyond what an acknowledgement can wait for, and the disk is waited for only where somebody asked to.

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
/// The same for a group of bulk writes: shorter, because a small write that arrives meanwhile waits for it.
const BULK_WORK_MAX: Duration = Duration::from_millis(2);
/// After so many groups of small writes in a row a bulk write that waits gets its turn.
const SMALL_GROUPS_MAX: u32 = 8;

/// How urgent a write is, and whether its answer waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for an acknowledgement that must survive a power cut.
    Durable,
    /// Small, and harmless if a power cut takes it back together with everything after it.
    Relaxed,
    /// The same, but larger: a worker's output. Goes when nothing else waits.
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
            Priority::Durable => waiting.durable.push_back(task),
            Priority::Relaxed => waiting.relaxed.push_back(task),
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
    durable: VecDeque<Box<dyn Task>>,
    relaxed: VecDeque<Box<dyn Task>>,
    bulk: VecDeque<Box<dyn Task>>,
    /// The log is full: bulk writes wait until the checkpoint is finished.
    bulk_held: bool,
    /// The checkpoint thread is done, and the writer is to finish.
    rest_left: bool,
    closed: bool,
}

/// What the writer does next.
enum Next {
    /// Commit a group that begins with a write of this priority.
    Commit(Priority),
    FinishCheckpoint,
    Stop,
}

impl Waiting {
    fn is_small_waiting(&self) -> bool {
        !self.durable.is_empty() || !self.relaxed.is_empty()
    }

    fn is_bulk_waiting(&self) -> bool {
        !self.bulk.is_empty() && !self.bulk_held
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of tasks is sound whatever panicked while it was locked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do.
    fn wait(&self, log_full: bool, log_too_long: bool, bulk_overdue: bool) -> Next {
        let mut waiting = self.lock();
        waiting.bulk_held = log_full;
        loop {
            if waiting.rest_left && (!waiting.is_small_waiting() || log_too_long) {
                waiting.rest_left = false;
                return Next::FinishCheckpoint;
            }
            if waiting.is_bulk_waiting() && (bulk_overdue || !waiting.is_small_waiting()) {
                return Next::Commit(Priority::Bulk);
            }
            if !waiting.durable.is_empty() {
                return Next::Commit(Priority::Durable);
            }
            if !waiting.relaxed.is_empty() {
                return Next::Commit(Priority::Relaxed);
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
    priority: Priority,
    started: Instant,
    writes: usize,
}

impl Group {
    #[expect(
        clippy::disallowed_methods,
        reason = "bounds how long a group's callers wait; nothing is decided by it"
    )]
    fn new(priority: Priority) -> Self {
        Self { priority, started: Instant::now(), writes: 0 }
    }

    /// A group that is synced takes relaxed writes along, which costs them nothing. One that is not ends as soon as
    /// a write waits that is more urgent.
    fn next(&mut self, inbox: &Inbox) -> Option<Box<dyn Task>> {
        let work_max = if self.priority == Priority::Bulk { BULK_WORK_MAX } else { GROUP_WORK_MAX };
        if self.writes >= GROUP_WRITES_MAX || (self.writes > 0 && self.started.elapsed() >= work_max) {
            return None;
        }
        let mut waiting = inbox.lock();
        let first = self.writes == 0;
        let task = match self.priority {
            Priority::Durable => waiting.durable.pop_front().or_else(|| waiting.relaxed.pop_front()),
            Priority::Relaxed if first || waiting.durable.is_empty() => waiting.relaxed.pop_front(),
            Priority::Bulk if first || !waiting.is_small_waiting() => waiting.bulk.pop_front(),
            Priority::Relaxed | Priority::Bulk => None,
        };
        self.writes += usize::from(task.is_some());
        task
    }
}

fn run(connection: &Connection, inbox: &Inbox, checkpointer: &Checkpointer) {
    let mut schedule = Schedule::default();
    let mut passed_over = 0;
    let mut synced = None;
    loop {
        let (full, too_long) = (schedule.is_log_full(checkpointer), schedule.is_log_too_long(checkpointer));
        match inbox.wait(full, too_long, passed_over >= SMALL_GROUPS_MAX) {
            Next::Stop => return,
            Next::FinishCheckpoint => schedule.finish(connection, checkpointer),
            Next::Commit(priority) => {
                sync_commits(connection, priority == Priority::Durable, &mut synced);
                let mut group = Group::new(priority);
                commit_together(connection, || group.next(inbox));
                passed_over = if priority == Priority::Bulk { 0 } else { passed_over + 1 };
                schedule.after_commit(checkpointer);
            }
        }
    }
}

/// Whether commits wait for the disk. A synced commit takes every commit before it to the disk as well, so what a
/// power cut can lose is a few unsynced commits at the end, never one from the middle.
fn sync_commits(connection: &Connection, wanted: bool, synced: &mut Option<bool>) {
    if *synced == Some(wanted) {
        return;
    }
    let set = connection.pragma_update(None, "synchronous", if wanted { "full" } else { "normal" });
    match set {
        Ok(()) => *synced = Some(wanted),
        Err(error) => tracing::error!(%error, wanted, "the database does not change its way of syncing"),
    }
}
