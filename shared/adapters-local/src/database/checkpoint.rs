//! Moves what is in the write-ahead log into the database, in a thread of its own so that no acknowledgement waits
//! for it. Only the short rest that is left at the end is done by the writer, at an idle moment; after it the log
//! begins at its start again. While the log is full, bulk writes are held back, interactive ones are not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::errors::sql_error;

/// Pages added to the log at which a checkpoint begins (8 MiB).
const LOG_PAGES_START: u64 = 2_048;
/// Pages added at which bulk writes wait for it (40 MiB), so that the log stays within its reserved space.
const LOG_PAGES_FULL: u64 = 10_000;
/// Pages added at which the writer finishes even though interactive writes wait (128 MiB).
const LOG_PAGES_MAX: u64 = 32_768;
/// The rest that may be left to the writer, in pages; some milliseconds of work.
const REST_PAGES: u64 = 256;
/// Passes of the thread over one log. Each leaves what was written during it.
const PASSES_MAX: u32 = 4;

/// The checkpoint thread's handle, which the writer asks what is due.
pub(super) struct Checkpointer {
    pages: Arc<AtomicU64>,
    wake: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer knows of the checkpoint. Its own, so that there is nothing to race for.
#[derive(Default)]
pub(super) struct Schedule {
    /// Pages that stay in the log because a long read still needs them.
    base: u64,
    running: bool,
}

impl Checkpointer {
    /// Starts the thread, which calls `done` after each piece of work. The connection that writes will report the size
    /// of the log after each commit.
    pub(super) fn start(
        writer: &mut Connection,
        own: Connection,
        done: impl Fn() + Send + 'static,
    ) -> Result<Self, PortError> {
        let pages = Arc::new(AtomicU64::new(0));
        let reported = Arc::clone(&pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            reported.store(u64::try_from(pages).unwrap_or(0), Ordering::Release);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(sql_error)?;
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&pages);
        let thread = thread::Builder::new()
            .name("millrace-checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    catch_up(&own, &shared);
                    done();
                }
            })
            .map_err(|error| {
                PortError::caused(ErrorKind::Unavailable, "start the checkpoint thread", error)
            })?;
        Ok(Self { pages, wake: Mutex::new(Some(wake)), thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread after what it is doing.
    pub(super) fn stop(&self) {
        drop(self.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    fn wake(&self) -> bool {
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        match wake.as_ref().map(|wake| wake.try_send(())) {
            Some(Ok(()) | Err(TrySendError::Full(()))) => true,
            Some(Err(TrySendError::Disconnected(()))) | None => {
                tracing::error!("the checkpoint thread is gone; the write-ahead log will grow");
                false
            }
        }
    }
}

impl Schedule {
    /// Begins a checkpoint when the log is long enough. To be called after each commit.
    pub(super) fn after_commit(&mut self, checkpointer: &Checkpointer) {
        if !self.running && self.added(checkpointer) >= LOG_PAGES_START {
            self.running = checkpointer.wake();
        }
    }

    /// Whether bulk writes should wait.
    pub(super) fn is_log_full(&self, checkpointer: &Checkpointer) -> bool {
        self.running && self.added(checkpointer) >= LOG_PAGES_FULL
    }

    /// Whether the rest cannot wait for an idle moment.
    pub(super) fn is_log_too_long(&self, checkpointer: &Checkpointer) -> bool {
        self.added(checkpointer) >= LOG_PAGES_MAX
    }

    /// Copies the rest that the thread left, after which the next write begins the log at its start.
    pub(super) fn finish(&mut self, writer: &Connection, checkpointer: &Checkpointer) {
        self.running = false;
        match checkpoint(writer) {
            Some(progress) if progress.left() == 0 => self.base = 0,
            // A read that began earlier needs the log as it is: try again when as much has been added once more.
            _ => self.base = checkpointer.pages.load(Ordering::Acquire),
        }
    }

    fn added(&self, checkpointer: &Checkpointer) -> u64 {
        let pages = checkpointer.pages.load(Ordering::Acquire);
        // Fewer than before: the log has begun anew.
        if pages >= self.base { pages - self.base } else { pages }
    }
}

struct Progress {
    in_log: u64,
    copied: u64,
}

impl Progress {
    fn left(&self) -> u64 {
        self.in_log.saturating_sub(self.copied)
    }
}

/// Copies until little is left of what is being added meanwhile.
fn catch_up(connection: &Connection, pages: &AtomicU64) {
    for _ in 0..PASSES_MAX {
        let Some(progress) = checkpoint(connection) else { return };
        if pages.load(Ordering::Acquire).saturating_sub(progress.copied) <= REST_PAGES {
            return;
        }
    }
}

fn checkpoint(connection: &Connection) -> Option<Progress> {
    let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        // -1 where there is no log.
        let count = |column| row.get::<_, i64>(column).map(|pages| u64::try_from(pages).unwrap_or(0));
        Ok(Progress { in_log: count(1)?, copied: count(2)? })
    });
    done.inspect_err(|error| tracing::warn!(%error, "a checkpoint failed; the next one tries again")).ok()
}
