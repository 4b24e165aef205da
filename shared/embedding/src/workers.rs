//! Threads for arithmetic, apart from those of the async runtime: a lane is a queue and the threads that serve it.
//! First in, first out; no stealing between lanes, so that a query never waits behind passages.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use millrace_ports::EmbedderError;

use crate::model::Scratch;

type Job = Box<dyn FnOnce(&mut Scratch) + Send>;

/// How the operating system schedules a lane's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Like the rest of the process.
    Normal,
    /// After everything else, where the system can say that of single threads (Linux); like the rest elsewhere.
    Low,
}

/// A queue and its threads, which start with the first job and end with the lane.
pub(crate) struct Lane {
    name: &'static str,
    threads: NonZeroUsize,
    priority: Priority,
    queue: Arc<Queue>,
    started: OnceLock<Result<(), String>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Lane {
    pub(crate) fn new(name: &'static str, threads: NonZeroUsize, priority: Priority) -> Self {
        Self { name, threads, priority, queue: Arc::default(), started: OnceLock::new() }
    }

    /// Queues a job. Fails only if the system gives no threads.
    pub(crate) fn submit(
        &self,
        job: impl FnOnce(&mut Scratch) + Send + 'static,
    ) -> Result<(), EmbedderError> {
        if let Err(error) = self.started.get_or_init(|| self.start()) {
            return Err(EmbedderError::Unavailable(error.clone()));
        }
        self.queue.lock().jobs.push_back(Box::new(job));
        self.queue.changed.notify_one();
        Ok(())
    }

    fn start(&self) -> Result<(), String> {
        for _ in 0..self.threads.get() {
            let (queue, priority) = (Arc::clone(&self.queue), self.priority);
            std::thread::Builder::new()
                .name(self.name.to_owned())
                .spawn(move || {
                    if priority == Priority::Low {
                        lower_priority();
                    }
                    queue.serve();
                })
                .map_err(|error| format!("start embedding thread: {error}"))?;
        }
        Ok(())
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Jobs run outside the lock, so that a poisoned one guards consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut scratch = Scratch::default();
        while let Some(job) = self.next() {
            // A panicking job drops its answer channel, which tells its caller; the thread serves the next.
            if catch_unwind(AssertUnwindSafe(|| job(&mut scratch))).is_err() {
                scratch = Scratch::default();
                tracing::error!("an embedding pass panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("name", &self.name)
            .field("threads", &self.threads)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

/// Gives this thread a thirtieth of the weight of a normal one when both want the same core.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux "this process" means the calling thread here.
    if let Err(error) = rustix::process::setpriority_process(None, 15) {
        tracing::warn!(%error, "embedding threads keep normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
