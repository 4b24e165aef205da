//! Moves what is in the write-ahead log into the database, in a thread of its own so that no acknowledgement waits
//! for it. Only the short rest that is left at the end is done by the writer, at an idle moment.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

/// Pages in the log at which the background checkpoint begins (8 MiB).
const LOG_PAGES_START: u64 = 2_048;
/// Pages at which the writer finishes it even though writes wait (96 MiB); beyond the reserved space the log would
/// grow, and with it the time to read and to recover.
const LOG_PAGES_MAX: u64 = 24_576;

/// The state that the writer and the checkpoint thread share.
#[derive(Default)]
struct Progress {
    /// Pages in the log after the last commit.
    pages: AtomicU64,
    /// The background part is done; the rest is small.
    rest_left: AtomicBool,
}

/// The checkpoint thread's handle.
pub(super) struct Checkpointer {
    progress: Arc<Progress>,
    wake: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Starts the thread. `writer` is told to report the size of the log after each commit.
    pub(super) fn start(writer: &mut Connection, own: Connection) -> Result<Self, PortError> {
        let progress = Arc::new(Progress::default());
        let reported = Arc::clone(&progress);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            reported.pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(super::errors::sql_error)?;
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&progress);
        let thread = thread::Builder::new()
            .name("millrace-checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    checkpoint(&own);
                    shared.rest_left.store(true, Ordering::Release);
                }
            })
            .map_err(|error| PortError::caused(ErrorKind::Unavailable, "start the checkpoint thread", error))?;
        Ok(Self { progress, wake: Mutex::new(Some(wake)), thread: Mutex::new(Some(thread)) })
    }

    /// Wakes the thread when the log is long enough.
    pub(super) fn after_commit(&self) {
        let pages = self.progress.pages.load(Ordering::Relaxed);
        if pages < LOG_PAGES_START || self.progress.rest_left.load(Ordering::Acquire) {
            return;
        }
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        // Full means that it is at it already.
        if let Some(Err(TrySendError::Disconnected(()))) = wake.as_ref().map(|wake| wake.try_send(())) {
            tracing::error!("the checkpoint thread is gone; the write-ahead log will grow");
        }
    }

    /// Whether the writer should do the rest now.
    pub(super) fn wants_finish(&self, idle: bool) -> bool {
        let pages = self.progress.pages.load(Ordering::Relaxed);
        self.progress.rest_left.load(Ordering::Acquire) && (idle || pages >= LOG_PAGES_MAX)
    }

    /// Ends the thread after what it is doing.
    pub(super) fn stop(&self) {
        drop(self.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

/// Copies the rest, after which the next write begins the log from its start (unless a reader still needs it).
pub(super) fn finish_checkpoint(writer: &Connection, checkpointer: &Checkpointer) {
    checkpoint(writer);
    checkpointer.progress.rest_left.store(false, Ordering::Release);
    checkpointer.progress.pages.store(0, Ordering::Relaxed);
}

fn checkpoint(connection: &Connection) {
    let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "a checkpoint failed; the next one tries again");
    }
}
